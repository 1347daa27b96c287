import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Figure, isMet, rounded } from './support/figure.ts'
import { type Machine, machine } from './support/machine.ts'

export interface Report {
  date: string
  machine: Machine
  figures: Figure[]
}

const results = fileURLToPath(new URL('results', import.meta.url))

export const reportOf = (figures: Figure[], now: Date): Report => ({
  date: now.toISOString(),
  machine: machine(),
  figures,
})

/** Keeps a report in `results/`, named by its date. Returns the path. */
export function keep(report: Report): string {
  mkdirSync(results, { recursive: true })
  const path = `${results}/${report.date.slice(0, 16).replace(':', '')}.json`
  writeFileSync(path, `${JSON.stringify(report, null, 2)}\n`)
  return path
}

/** One line per figure: measured, target, ratio to the peer, verdict; and what explains it below. */
export function figureLines(figure: Figure): string {
  const { name, unit, peer, detail, target } = figure
  if (figure.skipped !== undefined) return `${'skipped'.padEnd(8)}${name}\n${indent(figure.skipped)}`
  const verdict = target === undefined ? '' : isMet(figure) ? 'ok' : 'MISSED'
  const wanted =
    target === undefined ? '' : ` (${target.better === 'less' ? 'at most' : 'at least'} ${number(target.value)})`
  const lines = [`${verdict.padEnd(8)}${name}: ${number(figure.value)} ${unit}${wanted}`]
  if (peer !== undefined)
    lines.push(indent(`${peer.name}: ${number(peer.value)} ${unit}, ratio ${rounded(figure.value / peer.value)}`))
  if (detail !== undefined) lines.push(indent(detail))
  return lines.join('\n')
}

export function machineLine({ cpu, cores, memoryGb, node, kernel, load }: Machine): string {
  return `${cpu}, ${cores} cores, ${memoryGb} GB, Node ${node}, Linux ${kernel}, load ${load}`
}

const indent = (text: string): string => `        ${text}`
const number = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 2 })
