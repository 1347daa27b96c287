/** The two limits for everybody together, where priority and fairness is off (server/filters/maxinflight.go). */
import { PRIVILEGED_GROUP } from '../authn/user.ts'
import { TooManyRequests } from '../flow-control/flow-control.ts'
import type { User } from '../security.ts'
import { isReadOnly } from './long-running.ts'
import type { Place } from './traffic.ts'

export class MaxInFlight {
  readonly #limits: Readonly<Record<'reads' | 'writes', number>>
  readonly #count = { reads: 0, writes: 0 }

  /** 0 for no limit. */
  constructor(reads: number, writes: number) {
    this.#limits = { reads, writes }
  }

  /** Throws `TooManyRequests`, but never for administrators. */
  admit(user: User, verb: string): Place | undefined {
    const kind = isReadOnly(verb) ? 'reads' : 'writes'
    const limit = this.#limits[kind]
    if (limit === 0) return undefined
    if (this.#count[kind] >= limit) {
      if (user.groups.includes(PRIVILEGED_GROUP)) return undefined
      throw new TooManyRequests(undefined, 1)
    }
    this.#count[kind]++
    let left = false
    return {
      finish: () => {
        if (!left) this.#count[kind]--
        left = true
      },
    }
  }
}
