import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { parseDuration, parseGoBool } from '@canopus/apimachinery'
import { Failure } from '@canopus/cli'
import { InvalidArgumentError } from 'commander'

/** What Go's parsers say of a text that they cannot read, as upstream's programs pass it on. */
const noSyntax = (parser: string, text: string): InvalidArgumentError =>
  new InvalidArgumentError(`strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`)

/** A parser of whole numbers within bounds, both included. `outside`: what is said of others, where upstream has words for it. */
export function number(least: number, most: number, outside?: string): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value)) throw noSyntax('ParseInt', text)
    if (value < least || value > most)
      throw new InvalidArgumentError(outside ?? `not a whole number from ${least} to ${most}.`)
    return value
  }
}

/** A number, within bounds. */
export function fraction(least: number, most: number, outside: string): (text: string) => number {
  return text => {
    const value = rate(text)
    if (value < least || value > most) throw new InvalidArgumentError(outside)
    return value
  }
}

/** Requests a second, below zero for no limit. */
export function rate(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw noSyntax('ParseFloat', text)
  return value
}

/** Comma-separated words. */
export const list = (text: string): string[] => text.split(',').filter(part => part !== '')

/** The same for a flag that may be repeated. */
export const lists = (text: string, before: readonly string[] | undefined): string[] => [
  ...(before ?? []),
  ...list(text),
]

/** `90s`, `2m`, `1h30m` or whatever Go takes for a duration; a bare number means seconds. Returns milliseconds. */
export function duration(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : parseDuration(text)
  if (value === undefined) throw new InvalidArgumentError(`time: invalid duration ${JSON.stringify(text)}`)
  if (value < 0) throw new InvalidArgumentError('can not be a negative value')
  return value
}

/** An address, as upstream's flags of type `ip` take it. */
export function address(text: string): string {
  if (isIP(text.trim()) === 0) throw new InvalidArgumentError(`failed to parse IP: ${JSON.stringify(text)}`)
  return text.trim()
}

/** A Go program's boolean: the bare flag, or `true` and `false` in their spellings. */
export function bool(text: string): boolean {
  const value = parseGoBool(text)
  if (value !== undefined) return value
  throw noSyntax('ParseBool', text)
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
