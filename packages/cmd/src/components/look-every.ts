/**
 * Calls `look` every `interval` milliseconds, for files whose changes are to be noticed; does not keep the process running. Returns what
 * ends it. `fs.watchFile` would not do: what changes before its own first look is never told.
 */
export function lookEvery(interval: number, look: () => void): () => void {
  const timer = setInterval(look, interval)
  timer.unref()
  return () => clearInterval(timer)
}
