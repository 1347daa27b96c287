import { randomBytes } from 'node:crypto'
import type { Random } from '@canopus/base'

/** The machine's randomness; `bytes` is fit for keys and tokens. */
export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: length => new Uint8Array(randomBytes(length)),
}
