import { randomFillSync } from 'node:crypto'
import type { Random } from '@canopus/base'

/** Small requests are cut from one of this size: asking the machine costs microseconds, however little is asked for. */
const POOL = 4096
const SMALL = 64

let pool = new Uint8Array(0)
/** What stands before was given out. */
let used = 0

/** The machine's randomness; `bytes` is fit for keys and tokens. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes(length) {
    if (length > SMALL) return randomFillSync(new Uint8Array(length))
    if (pool.length - used < length) {
      pool = randomFillSync(new Uint8Array(POOL))
      used = 0
    }
    const end = used + length
    const bytes = pool.slice(used, end)
    pool.fill(0, used, end) // what was given out is a secret of the receiver
    used = end
    return bytes
  },
}
