/**
 * `npm run bench`: measures, prints the table and keeps it in `results/`. `-- NAME...` runs some benchmarks, `--json` prints
 * data, `--list` the names. The exit status is 1 where a target was missed or a benchmark failed.
 */
import { parseArgs } from 'node:util'
import { containerSkip } from '../e2e/support/cluster.ts'
import { installTestPrograms } from '../tools/test-programs.ts'
import { figureLines, keep, machineLine, type Report, reportOf } from './report.ts'
import { suite } from './suite.ts'
import { type Benchmark, type Figure, isMet } from './support/figure.ts'
import { machine } from './support/machine.ts'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    /** Print only. */
    'no-keep': { type: 'boolean', default: false },
  },
})

async function main(): Promise<number> {
  if (options.list) {
    for (const { name } of suite) console.log(name)
    return 0
  }
  const unknown = positionals.filter(name => !suite.some(each => each.name === name))
  if (unknown.length > 0) {
    console.error(`there is no benchmark ${unknown.join(', ')}: there are ${suite.map(({ name }) => name).join(', ')}`)
    return 2
  }
  const chosen = positionals.length === 0 ? suite : suite.filter(({ name }) => positionals.includes(name))
  if (chosen.some(each => each.containers)) await installTestPrograms()
  const report = reportOf([], new Date())
  if (!options.json) console.log(`${machineLine(report.machine)}\n`)
  let failed = false
  for (const benchmark of chosen) {
    const figures = await measure(benchmark).catch(error => {
      console.error(`${benchmark.name} failed: ${error instanceof Error ? error.stack : error}`)
      failed = true
      return []
    })
    report.figures.push(...figures)
    if (!options.json) for (const figure of figures) console.log(figureLines(figure))
  }
  finish(report)
  return failed || report.figures.some(figure => figure.skipped === undefined && !isMet(figure)) ? 1 : 0
}

async function measure(benchmark: Benchmark): Promise<Figure[]> {
  const reason = benchmark.containers ? containerSkip() : false
  if (reason !== false) return [{ name: benchmark.name, value: Number.NaN, unit: '', skipped: reason }]
  const figures = await benchmark.run()
  return figures.map(figure => ({ ...figure, load: machine().load }))
}

function finish(report: Report): void {
  if (options.json) console.log(JSON.stringify(report, null, 2))
  // Only whole runs are worth keeping.
  if (positionals.length > 0 || options['no-keep']) return
  const path = keep(report)
  if (!options.json) console.log(`\nKept in ${path}`)
}

process.exitCode = await main()
