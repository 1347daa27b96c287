/**
 * How far behind each component is, told by the watches that it has: what an invariant excuses is what a component cannot
 * have known, and nothing else.
 */
import type { Clock } from '@canopus/base'

/** One watch of a component, over all the streams that it took. */
class Stream {
  /** Everything up to here has been delivered, while something may be on its way. */
  knownUntil: number
  /** Since when the component has all that there is and waits for more. */
  waitingSince: number | undefined

  constructor(now: number) {
    this.knownUntil = now
  }

  at(now: number): number {
    return this.waitingSince !== undefined && this.waitingSince < now ? now : this.knownUntil
  }
}

/** What one stream tells of itself. */
export interface StreamProgress {
  /** Everything so far is with the component. */
  waiting(): void
  /** Something is there that the component has not got yet, or the stream has ended. */
  behind(): void
}

export class WatchKnowledge {
  readonly #clock: Clock
  readonly #streams = new Map<string, Map<string, Stream>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A component (again) watches what `path` says. */
  begin(component: string, path: string): StreamProgress {
    const [collection = '', query = ''] = path.split('?')
    const streams = this.#of(component, collection.slice(collection.lastIndexOf('/') + 1))
    const key = `${collection}?${selectors(query)}`
    const stream = streams.get(key) ?? new Stream(this.#clock.monotonic())
    streams.set(key, stream)
    return {
      waiting: () => {
        stream.waitingSince = this.#clock.monotonic()
      },
      behind: () => {
        stream.knownUntil = stream.at(this.#clock.monotonic())
        stream.waitingSince = undefined
      },
    }
  }

  /** The component knows everything that happened to the collection until then, in milliseconds since the start. */
  knownUntil(component: string, collection: string): number {
    const now = this.#clock.monotonic()
    let least = now
    for (const stream of this.#of(component, collection).values()) least = Math.min(least, stream.at(now))
    return least
  }

  #of(component: string, collection: string): Map<string, Stream> {
    const name = `${component} ${collection}`
    let streams = this.#streams.get(name)
    if (streams === undefined) {
      streams = new Map()
      this.#streams.set(name, streams)
    }
    return streams
  }
}

/** What tells two watches of a collection apart; where one begins and how long it lasts does not. */
function selectors(query: string): string {
  const parameters = new URLSearchParams(query)
  return `${parameters.get('labelSelector') ?? ''}&${parameters.get('fieldSelector') ?? ''}`
}
