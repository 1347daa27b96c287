/** Lines as klog writes them (k8s.io/klog/v2, internal/buffer and internal/serialize): what `--logging-format=text` is upstream. */
import type { Level } from 'pino'

const SEVERITIES: Partial<Record<Level, string>> = { warn: 'W', error: 'E', fatal: 'F' }
const PID_WIDTH = 7

export interface LogEntry {
  readonly level: Level
  readonly at: Date
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** One entry with its line break. Where in the program it comes from is not known, which klog writes as `???:1`. */
export function klogLine({ level, at, message, facts }: LogEntry, pid: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(at.getMonth() + 1)}${two(at.getDate())}`
  const micros = String(at.getMilliseconds() * 1000).padStart(6, '0')
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${micros}`
  const { error, ...others } = facts
  const said = error === undefined ? [] : [pair('err', errorText(error))]
  for (const [name, value] of Object.entries(others)) if (value !== undefined) said.push(pair(name, value))
  const head = `${SEVERITIES[level] ?? 'I'}${day} ${time} ${String(pid).padStart(PID_WIDTH)} ???:1]`
  return `${[head, JSON.stringify(message), ...said].join(' ')}\n`
}

function pair(name: string, value: unknown): string {
  if (value instanceof Error) return pair(name, errorText(value))
  if (typeof value !== 'string') return `${name}=${JSON.stringify(value) ?? 'null'}`
  if (!value.includes('\n')) return `${name}=${JSON.stringify(value)}`
  // Lines are indented more than the end of the text, so that none of them can be taken for it.
  const lines = value.replace(/\n$/, '').split('\n')
  return `${name}=<\n${lines.map(line => `\t${line}\n`).join('')} >`
}

function errorText(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return error.cause === undefined ? error.message : `${error.message}: ${errorText(error.cause)}`
}
