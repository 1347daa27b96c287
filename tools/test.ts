/**
 * Everything that CI runs: checks, unit tests in one process, then the tests that start real things, each file in a process
 * of its own. The last line is `N passed, N failed` (and `N skipped`, with the reasons above it).
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runChecks } from './check.ts'
import { fetchTestData } from './test-data.ts'
import { installTestPrograms } from './test-programs.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Totals {
  passed: number
  failed: number
  skipped: number
}

/** Runs test files and reads the totals off the runner's last lines. A run that ends without them counts as one failure. */
function runTests(title: string, files: readonly string[], flags: readonly string[]): Totals {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 }
  console.log(`\n== ${title}: ${files.length} files`)
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--import=./tools/same-properties.ts',
    '--test',
    ...flags,
    '--test-reporter=./tools/reporter.ts',
    ...files,
  ]
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  })
  process.stdout.write(result.stdout)
  const match = /^(\d+) passed, (\d+) failed, (\d+) skipped$/m.exec(result.stdout)
  if (!match) return { passed: 0, failed: 1, skipped: 0 }
  const totals = { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3]) }
  return result.status !== 0 && totals.failed === 0 ? { ...totals, failed: 1 } : totals
}

const all = globSync('{packages,tools,bench,images,examples}/**/*.test.ts', {
  cwd: root,
  exclude: path => path.includes('node_modules'),
})
const real = all.filter(file => file.includes('.integration.test.ts'))
const endToEnd = globSync('{conformance,e2e}/**/*.test.ts', { cwd: root })
const wanted = process.argv[2]

await installTestPrograms()
fetchTestData()
const checks = runChecks()
const results: Totals[] = [
  { ...checks, skipped: 0 },
  ...(wanted === undefined || wanted === 'unit'
    ? [
        runTests('unit tests', all.filter(file => !real.includes(file)).sort(), [
          '--test-isolation=none',
          '--test-timeout=120000',
        ]),
      ]
    : []),
  ...(wanted === undefined || wanted === 'integration'
    ? [runTests('tests with real programs', real.sort(), ['--test-concurrency=1', '--test-timeout=300000'])]
    : []),
  ...(wanted === undefined || wanted === 'e2e'
    ? [runTests('end to end', endToEnd.sort(), ['--test-concurrency=1', '--test-timeout=900000'])]
    : []),
]
const sum = (pick: (totals: Totals) => number): number => results.reduce((total, each) => total + pick(each), 0)
const failed = sum(each => each.failed)
console.log(`\n${sum(each => each.passed)} passed, ${failed} failed, ${sum(each => each.skipped)} skipped`)
process.exitCode = failed > 0 ? 1 : 0
