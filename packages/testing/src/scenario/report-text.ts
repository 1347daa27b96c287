import type { ScenarioReport } from './play.ts'

/** The report as a person reads it. */
export function reportText(report: ScenarioReport): string {
  const { events, workloads, autoscalers, nodes, pending, duration, seed, digest } = report
  const sections = [
    section(
      'EVENTS',
      ['AT', 'EVENT', 'RESULT'],
      events.map(({ at, event, error, settledAfter, waitingFor }) => [
        seconds(at),
        event,
        error !== undefined
          ? `failed: ${error}`
          : settledAfter === undefined
            ? `not settled: ${waitingFor?.join(', ')}`
            : `settled after ${seconds(settledAfter)}`,
      ]),
    ),
    section(
      'WORKLOADS',
      ['WORKLOAD', 'READY', 'MADE AT', 'FIRST READY AFTER'],
      workloads.map(({ kind, namespace, name, ready, createdAt, readyAt }) => [
        `${kind.toLowerCase()}/${name} -n ${namespace}`,
        ready,
        seconds(createdAt),
        readyAt === undefined ? 'never' : seconds(readyAt - createdAt),
      ]),
    ),
    section(
      'AUTOSCALERS',
      ['AUTOSCALER', 'OF', 'REPLICAS'],
      autoscalers.map(({ namespace, name, target, replicas }) => [
        `${name} -n ${namespace}`,
        target,
        replicas.map(({ at, wanted }) => `${wanted} at ${seconds(at)}`).join(', '),
      ]),
    ),
    section(
      'NODES',
      ['NODE', 'READY', 'PODS'],
      nodes.map(({ name, ready, pods }) => [name, ready ? 'yes' : 'no', `${pods.length}  ${pods.join(' ')}`]),
    ),
    section(
      'PENDING',
      ['POD', 'SINCE', 'WHY'],
      pending.map(({ namespace, name, since, reason }) => [`${namespace}/${name}`, seconds(since), reason]),
    ),
  ]
  const end = `${seconds(duration)} of simulated time, seed ${seed}, history ${digest.slice(0, 16)}\n`
  return [...sections.filter(each => each !== ''), end].join('\n')
}

function section(title: string, header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map(row => row[column]!.length)))
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd()
  return `${[title, ...all.map(line)].join('\n')}\n`
}

/** `1h02m03s`, `4m05s`, `6.5s`. */
export function seconds(value: number): string {
  if (value < 60) return `${Math.round(value * 10) / 10}s`
  const whole = Math.round(value)
  const two = (part: number): string => String(part).padStart(2, '0')
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  return hours > 0 ? `${hours}h${two(minutes)}m${two(rest)}s` : `${minutes}m${two(rest)}s`
}
