import type { SeedResult } from './run-seed.ts'

const MOST = 10

/** What went wrong with a seed, and the command that plays it again. */
export function failureText(result: SeedResult, flags: readonly string[] = []): string {
  const { seed, violations, unfinished, counts } = result
  const list = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0
      ? []
      : [
          title,
          ...lines.slice(0, MOST).map(line => `  ${line}`),
          ...(lines.length > MOST ? [`  and ${lines.length - MOST} more`] : []),
        ]
  const broken = violations.map(each => `at ${(each.at / 1000).toFixed(3)} s: ${each.invariant}: ${each.message}`)
  return [
    `seed ${seed} failed`,
    ...list('broken:', broken),
    ...list('not finished at the end:', unfinished),
    `faults: ${Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    `again: npm run simulate -- ${['--seed', seed, ...flags].join(' ')}`,
  ].join('\n')
}
