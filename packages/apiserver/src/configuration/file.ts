/** A configuration file that may change while the server runs. */
export interface ConfigurationFile {
  /** What it holds now. */
  readonly text: string
  /** Calls `listener` with what the file holds after each change. */
  follow?(listener: (text: string) => void): void
}
