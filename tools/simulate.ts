/**
 * Plays seeds: clusters in which things go wrong by chance, the same way every time for the same seed.
 *
 *     npm run simulate -- --seeds 5000            seeds 1 to 5000
 *     npm run simulate -- --seed 17               one seed; with --trace REGEXP every write to keys that match
 *     npm run simulate -- --from 100 --seeds 50   seeds 100 to 149
 *
 * `--duration 2m` is how long things go wrong (default 5m), `--without watchDelay,restarts` what does not.
 * A run of many says on stderr every ten seconds how far it is.
 */
import { parseArgs } from 'node:util'
import { failureText, isGood, parseDuration, type RunSeedOptions, runSeed } from '@canopus/testing'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    duration: { type: 'string', default: '5m' },
    without: { type: 'string', default: '' },
    trace: { type: 'string' },
  },
})

const duration = parseDuration(values.duration)
if (duration === undefined) throw new TypeError(`--duration: ${values.duration} is no duration such as 5m`)
const first = Number(values.seed ?? values.from)
const last = values.seed === undefined ? first + Number(values.seeds) - 1 : first
const without = values.without.split(',').filter(word => word !== '') as NonNullable<RunSeedOptions['without']>
const pattern = values.trace === undefined ? undefined : new RegExp(values.trace)
const flags = [
  ...(values.duration === '5m' ? [] : ['--duration', values.duration]),
  ...(without.length === 0 ? [] : ['--without', without.join(',')]),
]

const PROGRESS_MS = 10_000
let failed = 0
const begun = performance.now()
let told = begun
for (let seed = first; seed <= last; seed++) {
  const result = await runSeed({
    seed,
    duration,
    without,
    prepare: ({ history }) => {
      if (pattern === undefined) return
      history.listen(({ at, type, key, value }) => {
        if (pattern.test(key)) console.log(`${at} ${type} ${key} ${new TextDecoder().decode(value)}`)
      })
    },
  })
  if (!isGood(result)) {
    failed++
    console.log(failureText(result, flags))
  } else if (values.seed !== undefined) {
    console.log(`seed ${seed}: ${result.writes} writes, digest ${result.digest}`)
    console.log(`converged ${(result.convergedIn ?? 0) / 1000} s after the last fault`)
  }
  const now = performance.now()
  if (now - told < PROGRESS_MS || seed === last) continue
  told = now
  console.error(
    `${seed - first + 1} of ${last - first + 1} seeds, ${failed} failed, ${((now - begun) / 1000).toFixed(0)} s`,
  )
}
const seconds = (performance.now() - begun) / 1000
console.log(`${last - first + 1} seeds in ${seconds.toFixed(1)} s, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
