/** The values of a command's flags, as `/flagz` tells them. */
import { formatDuration } from '@canopus/apimachinery'
import type { FlagValues } from '@canopus/apiserver'
import type { Command, Option } from 'commander'
import { list, lists } from '../flags.ts'

/** Words that a Go program keeps as a map. */
/** Empty ones are lists, as upstream keeps them, whatever reads them here. */
const LISTS: ReadonlySet<string> = new Set([
  'allow-metric-labels',
  'tls-cipher-suites',
  'tls-curve-preferences',
  'tls-sni-cert-key',
])

const MAPS: ReadonlySet<string> = new Set(['feature-gates', 'runtime-config'])

/** Those without effect are left out where nobody typed them: their defaults are upstream's alone. */
export function flagValues(command: Command): FlagValues {
  const values: Record<string, string> = {}
  for (const option of command.options) {
    const value: unknown = command.getOptionValue(option.attributeName())
    if (!option.hidden || value !== undefined) values[option.name()] = textOf(option, value)
  }
  return values
}

function textOf(option: Option, value: unknown): string {
  const { parseArg } = option
  if (value === undefined && LISTS.has(option.name())) return '[]'
  if (value === undefined) return (parseArg === list || parseArg === lists) && !MAPS.has(option.name()) ? '[]' : ''
  if (typeof value === 'number' && option.flags.includes('<duration>')) return formatDuration(value)
  if (Array.isArray(value)) return MAPS.has(option.name()) ? value.join(',') : `[${value.join(',')}]`
  return typeof value === 'object' && value !== null ? mapText(value) : String(value)
}

function mapText(value: object): string {
  if ('from' in value && 'to' in value) return `${value.from}-${value.to}`
  return Object.entries(value)
    .map(([key, each]) => `${key}=${each}`)
    .sort()
    .join(',')
}
