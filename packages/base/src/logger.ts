/** Structured logging: a constant message and its facts. `platform` writes it; tests collect it. */
export interface Logger {
  debug(message: string, facts?: Readonly<Record<string, unknown>>): void
  info(message: string, facts?: Readonly<Record<string, unknown>>): void
  warn(message: string, facts?: Readonly<Record<string, unknown>>): void
  error(message: string, facts?: Readonly<Record<string, unknown>>): void
  /** A logger that adds `facts` to every line. */
  child(facts: Readonly<Record<string, unknown>>): Logger
}

const silence = (): void => {}

/** Discards everything. */
export const silentLogger: Logger = {
  debug: silence,
  info: silence,
  warn: silence,
  error: silence,
  child: () => silentLogger,
}
