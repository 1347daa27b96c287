/** Aborts at the first SIGINT or SIGTERM; a second one ends the process at once, with the status that shells expect. */
export function signalOfProcess(): AbortSignal {
  const controller = new AbortController()
  for (const [name, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const)
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + number)
      controller.abort(new Error(`stopped by ${name}`))
    })
  return controller.signal
}
