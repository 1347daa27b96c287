import { randomFillSync } from 'node:crypto'
import type { Random } from '@canopus/base'

/** Small requests are cut from one of this size: asking the machine costs microseconds, however little is asked for. */
const POOL = 4096
const SMALL = 64

let pool = new Uint8Array(0)

/** The machine's randomness; `bytes` is fit for keys and tokens. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes(length) {
    if (length > SMALL) return randomFillSync(new Uint8Array(length))
    if (pool.length < length) pool = randomFillSync(new Uint8Array(POOL))
    const bytes = pool.slice(0, length)
    pool.fill(0, 0, length) // what was given out is a secret of the receiver
    pool = pool.subarray(length)
    return bytes
  },
}
