import type { Transport } from '@canopus/client'

/** Watches whose paths look like `which`, such as `/\/pods\?/`, bring nothing while they are held. */
export function heldWatches(which: RegExp): {
  watches: (server: Transport) => Transport
  hold: () => void
  release: () => void
} {
  let held: Promise<void> | undefined
  let release = (): void => {}
  const watches = (server: Transport): Transport => ({
    async send(request) {
      const response = await server.send(request)
      if (!which.test(request.path) || !request.path.includes('watch=')) return response
      return {
        ...response,
        async *chunks() {
          for await (const chunk of response.chunks()) {
            await held
            yield chunk
          }
        },
      }
    },
  })
  const hold = (): void => {
    held = new Promise(resolve => {
      release = resolve
    })
  }
  return { watches, hold, release: () => release() }
}
