/** A few seeds; thousands where `CANOPUS_LONG_TESTS` is set. Each is a cluster with its own bad luck. */
import { describe, it } from 'node:test'
import { failureText } from './failure-text.ts'
import { isGood, runSeed } from './run-seed.ts'

const LONG = process.env.CANOPUS_LONG_TESTS === '1'
/** Those that once found something, with what they need: on larger nodes their histories are others. */
const SMALL_NODES = { cpu: '16', memory: '32Gi' }
const FOUND = [
  { seed: 55, duration: 120_000, capacity: SMALL_NODES },
  { seed: 2014, duration: 180_000, capacity: SMALL_NODES },
  { seed: 5003, duration: 300_000 },
  { seed: 5004, duration: 300_000 },
  { seed: 6008, duration: 300_000 },
  { seed: 6095, duration: 300_000 },
]
const SEEDS = LONG ? 2000 : 36

describe('a cluster keeps its promises', { timeout: LONG ? 24 * 3_600_000 : 600_000 }, () => {
  for (let seed = 1; seed <= SEEDS; seed++)
    it(`with seed ${seed}`, async () => {
      const result = await runSeed({ seed, ...(LONG ? {} : { duration: 60_000 }) })
      if (!isGood(result)) throw new Error(failureText(result, LONG ? [] : ['--duration', '1m']))
    })

  for (const options of FOUND)
    it(`with seed ${options.seed}, which found a mistake`, async () => {
      const result = await runSeed(options)
      if (!isGood(result)) throw new Error(failureText(result, ['--duration', `${options.duration / 1000}s`]))
    })
})
