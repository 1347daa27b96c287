/** A few seeds; thousands where `CANOPUS_LONG_TESTS` is set. Each is a cluster with its own bad luck. */
import { describe, it } from 'node:test'
import { failureText } from './failure-text.ts'
import { isGood, runSeed } from './run-seed.ts'

const LONG = process.env.CANOPUS_LONG_TESTS === '1'
const SEEDS = LONG ? 2000 : 16

describe('a cluster keeps its promises', { timeout: LONG ? 24 * 3_600_000 : 600_000 }, () => {
  for (let seed = 1; seed <= SEEDS; seed++)
    it(`with seed ${seed}`, async () => {
      const result = await runSeed({ seed, ...(LONG ? {} : { duration: 60_000 }) })
      if (!isGood(result)) throw new Error(failureText(result, LONG ? [] : ['--duration', '1m']))
    })
})
