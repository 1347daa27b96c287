import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { parseDuration, parseGoBool } from '@canopus/apimachinery'
import { Failure } from '@canopus/cli'
import { InvalidArgumentError } from 'commander'

/** What Go's parsers say of a text that they cannot read, as upstream's programs pass it on. */
const noSyntax = (parser: string, text: string): InvalidArgumentError =>
  new InvalidArgumentError(`strconv.${parser}: parsing ${JSON.stringify(text)}: invalid syntax`)
const outOfRange = (parser: string, text: string): InvalidArgumentError =>
  new InvalidArgumentError(`strconv.${parser}: parsing ${JSON.stringify(text)}: value out of range`)

/** Upstream's sentence about a value; `undefined` where it may stand. */
export type Finding<T> = (value: T) => string | undefined

/**
 * A parser that refuses values as upstream's programs do once they have read all their flags: by a sentence that stands for itself.
 * Throws `Failure`.
 */
export const validated =
  <T>(parse: (text: string) => T, finding: Finding<T>) =>
  (text: string): T => {
    const value = parse(text)
    const problem = finding(value)
    if (problem !== undefined) throw new Failure(problem)
    return value
  }

/** One of a few words; `finding` says what is wrong with others. */
export const oneOf = <T extends string>(
  words: readonly T[],
  finding: (text: string) => string,
): ((text: string) => T) =>
  validated(
    text => text as T,
    value => (words.includes(value) ? undefined : finding(value)),
  )

/** A whole number, as Go reads it. */
export function integer(text: string): number {
  const value = Number(text)
  if (!/^[+-]?\d+$/.test(text)) throw noSyntax('ParseInt', text)
  if (!Number.isSafeInteger(value)) throw outOfRange('ParseInt', text)
  return value
}

/** A whole number that is not negative, as Go reads it. */
export function unsigned(text: string): number {
  if (!/^\d+$/.test(text)) throw noSyntax('ParseUint', text)
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw outOfRange('ParseUint', text)
  return value
}

/** A parser of whole numbers within bounds, both included. `outside`: what is said of others, where upstream has words for it. */
export function number(least: number, most: number, outside?: string): (text: string) => number {
  return text => {
    const value = integer(text)
    if (value >= least && value <= most) return value
    if (outside !== undefined) throw new Failure(outside)
    throw new InvalidArgumentError(`not a whole number from ${least} to ${most}.`)
  }
}

/** A number, within bounds. */
export function fraction(least: number, most: number, outside: string): (text: string) => number {
  return text => {
    const value = rate(text)
    if (value < least || value > most) throw new Failure(outside)
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
export function patience(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : duration(text)
  if (value < 0) throw new InvalidArgumentError('can not be a negative value')
  return value
}

/** What Go takes for a duration, without a unit only zero. Returns milliseconds. */
export function duration(text: string): number {
  const value = parseDuration(text)
  if (value !== undefined) return value
  const problem = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? 'missing unit in' : 'invalid'
  throw new InvalidArgumentError(`time: ${problem} duration ${JSON.stringify(text)}`)
}

/** One that is not negative; `negative` is upstream's sentence about others. */
export const duringAtLeastNothing = (negative: string): ((text: string) => number) =>
  validated(duration, value => (value < 0 ? negative : undefined))

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
