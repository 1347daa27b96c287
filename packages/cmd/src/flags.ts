import { readFileSync } from 'node:fs'
import { parseGoBool } from '@canopus/apimachinery'
import { Failure } from '@canopus/cli'
import { InvalidArgumentError } from 'commander'

/** A parser of whole numbers within bounds, both included. */
export function number(least: number, most: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value) || value < least || value > most)
      throw new InvalidArgumentError(`not a whole number from ${least} to ${most}.`)
    return value
  }
}

/** Requests a second, below zero for no limit. */
export function rate(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('not a number.')
  return value
}

/** Comma-separated words. */
export const list = (text: string): string[] => text.split(',').filter(part => part !== '')

/** The same for a flag that may be repeated. */
export const lists = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  ...list(text),
]

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `90s`, `2m` or `1h30m`; a bare number means seconds. Returns milliseconds. */
export function duration(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) throw new InvalidArgumentError('not a duration such as 90s or 2m.')
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit as keyof typeof UNITS], 0)
}

/** A Go program's boolean: the bare flag, or `true` and `false` in their spellings. */
export function bool(text: string): boolean {
  const value = parseGoBool(text)
  if (value !== undefined) return value
  throw new InvalidArgumentError('neither true nor false.')
}

/** `key=value,key=value`. */
export function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    list(text).map(part => {
      const at = part.indexOf('=')
      if (at < 1) throw new InvalidArgumentError('not of the form key=value,key=value.')
      return [part.slice(0, at), part.slice(at + 1)]
    }),
  )
}

/** What a flag's file holds. Throws `Failure` naming the flag. */
export function fileOf(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(`--${flag}: ${path} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}

/** The same for a flag that may be missing. */
export const fileIfGiven = (flag: string, path: string | undefined): string | undefined =>
  path === undefined ? undefined : fileOf(flag, path)

/** The value of a flag that must be there. Throws `Failure` naming it. */
export function required<T>(flag: string, value: T | undefined): T {
  if (value === undefined) throw new Failure(`--${flag} is required`)
  return value
}

/** Without the entries that are undefined: what exact optional properties want. */
export function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

/** `127.0.0.1:53`, `:53` or `[::1]:53`. */
export function endpoint(text: string): { address: string; port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port > 65_535) throw new InvalidArgumentError('not of the form 127.0.0.1:53.')
  return { address: match[1] || match[2] || '0.0.0.0', port }
}
