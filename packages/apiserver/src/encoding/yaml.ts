/** YAML bodies as JSON text. */
import { encodeJson, keptDepth, YamlSyntaxError } from '@canopus/apimachinery'
import { type LoadOptions, load, loadAll, YAMLException } from 'js-yaml'
import { withSortedKeys } from './findings.ts'
import { READ_SCHEMA } from './yaml-schema.ts'
import { characterProblem, directiveProblem, yamlWords } from './yaml-words.ts'

/** Aliases can make a small text mean a huge object; no API object has so many values. */
const MAX_VALUES = 500_000

/** The reader's own limit is 100 levels, which a schema in a definition may well exceed. */
const reading = (): LoadOptions => ({ schema: READ_SCHEMA, maxDepth: keptDepth() })

const DUPLICATE = 'duplicated mapping key'
const UNMARSHAL_ERRORS = 'yaml: unmarshal errors:\n'
/** Each makes the text be read once more. */
const MOST_DUPLICATES = 50

/**
 * Throws YamlSyntaxError where the text is no YAML or means no JSON. Keys that come twice are one finding, in the words of
 * upstream's reader (sigs.k8s.io/yaml); the last value is the one kept. Members are sorted, as they come out of a map there.
 */
export function yamlToJson(body: Uint8Array): { json: string; strictErrors: string[] } {
  let text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  const strictErrors: string[] = []
  const problem = characterProblem(body) ?? directiveProblem(text)
  if (problem !== undefined) throw new YamlSyntaxError(`yaml: ${problem}`)
  let value: unknown
  try {
    value = indented(text, indented => {
      text = indented
      return firstOf(indented, reading())
    })
  } catch (error) {
    if (!isDuplicate(error)) throw syntaxError(error, text)
    value = lenient(text)
    strictErrors.push(`${UNMARSHAL_ERRORS}  ${duplicateKeys(text, error).join('\n  ')}`)
  }
  checkSize(value)
  return { json: encodeJson(withSortedKeys(value ?? null)), strictErrors }
}

/** Nothing but comments. */
const isBare = (text: string): boolean => text.split('\n').every(line => /^\s*(?:#|$)/.test(line))

/** Of several documents only the first counts. */
function firstOf(text: string, options: LoadOptions): unknown {
  try {
    return load(text, options)
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    if (error.reason.startsWith('expected a document') && isBare(text)) return null
    if (!error.reason.startsWith('expected a single document')) throw error
    return loadAll(text, options)[0]
  }
}

/** Each line makes the text be read once more: so many characters in all. */
const MOST_READ = 8 * 1024 * 1024

/**
 * Within brackets and quotes upstream's reader does not mind how far lines are indented; ours does, and says so, until they are: the
 * space means nothing there.
 */
function indented<T>(text: string, read: (text: string) => T): T {
  for (let rest = text, count = 0; ; count++) {
    try {
      return read(rest)
    } catch (error) {
      if (
        !(error instanceof YAMLException) ||
        error.reason !== 'deficient indentation' ||
        count * rest.length > MOST_READ
      )
        throw error
      const start = rest.lastIndexOf('\n', (error.mark?.position ?? 0) - 1) + 1
      if (start === 0 || rest.startsWith(DEEP, start)) throw error
      rest = `${rest.slice(0, start)}${DEEP}${rest.slice(start)}`
    }
  }
}

const DEEP = ' '.repeat(200)

/** Findings as warnings: those of the reader line by line. */
export function yamlWarnings(findings: readonly string[]): string[] {
  return findings.flatMap(finding =>
    finding.startsWith(UNMARSHAL_ERRORS)
      ? finding
          .slice(UNMARSHAL_ERRORS.length)
          .split('\n')
          .map(line => line.trim())
      : [finding],
  )
}

const isDuplicate = (error: unknown): error is YAMLException =>
  error instanceof YAMLException && error.reason === DUPLICATE

const syntaxError = (error: unknown, text: string): YamlSyntaxError =>
  error instanceof YamlSyntaxError ? error : new YamlSyntaxError(`yaml: ${yamlWords(error, text)}`)

/** The reader stops at the first key that comes twice: that one is given another name, and the rest read. */
function duplicateKeys(text: string, first: YAMLException): string[] {
  const found: string[] = []
  let [rest, error]: [string, unknown] = [text, first]
  while (isDuplicate(error) && error.mark && found.length < MOST_DUPLICATES) {
    // The position of a key in quotes is behind the first of them.
    const at = error.mark.position
    const quoted = rest[at - 1] === '"' || rest[at - 1] === "'"
    const start = quoted ? at - 1 : at
    const behind = rest.slice(start)
    const key = (quoted ? QUOTED_KEY.exec(behind) : PLAIN_KEY.exec(behind))?.[0] ?? BARE_KEY.exec(behind)![0]
    found.push(`line ${lineOfValue(rest, start + key.length)}: key ${keyText(key)} already set in map`)
    rest = `${rest.slice(0, at)}another-${found.length}-${rest.slice(at)}`
    error = undefined
    try {
      load(rest, reading())
    } catch (next) {
      error = next
    }
  }
  return found
}

const QUOTED_KEY = /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/s
const PLAIN_KEY = /^[^\n]*?(?=\s*:(?:\s|$))/

/** In `{a, b}`. */
const BARE_KEY = /^[^,}\n]*/

/** As Go prints it: text in quotes, numbers and the like bare. */
function keyText(key: string): string {
  const value = key.trim() === '' ? '' : load(key, reading())
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** Counted from 1; the value may stand in a line below its key. */
function lineOfValue(text: string, afterKey: number): number {
  const gap = /^\s*:(?:\s|#.*)*/.exec(text.slice(afterKey))?.[0] ?? ''
  return text.slice(0, afterKey + gap.length).split('\n').length
}

function lenient(text: string): unknown {
  try {
    return indented(text, each => firstOf(each, { ...reading(), json: true }))
  } catch (error) {
    throw syntaxError(error, text)
  }
}

function checkSize(root: unknown): void {
  let count = 0
  const visit = (value: unknown, depth: number): void => {
    if (++count > MAX_VALUES || depth > keptDepth())
      throw new YamlSyntaxError('yaml: document contains excessive aliasing')
    if (typeof value === 'number' && !Number.isFinite(value)) {
      const name = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
      throw new YamlSyntaxError(`json: unsupported value: ${name}`)
    }
    if (typeof value !== 'object' || value === null) return
    for (const each of Object.values(value)) visit(each, depth + 1)
  }
  visit(root, 0)
}
