/**
 * Plain values as YAML in blocks, as gopkg.in/yaml.v3 writes them: gnostic keeps free values as such text, and clients of the
 * protobuf document read it as it is.
 */
import { isObject } from '@canopus/apimachinery'

/** Text that a reader would take for something else than a string. */
const AMBIGUOUS = [
  /^$|^(~|null|true|false|yes|no|on|off|y|n|<<)$/i,
  /^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)(e[-+]?[0-9]+)?$/i,
  /^[-+]?0[box][0-9a-f_]+$/i,
  /^[-+]?\.inf$|^\.nan$/i,
  /^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/,
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?$/,
]
/** What cannot stand there without quotes. */
const NOT_BARE = /^[\s,[\]{}#&*!|>'"%@`]|^[-?:]($|\s)|:($|\s)|\s#|\s$|^(---|\.\.\.)/
const NOT_PRINTED = /[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

/** The value, with a line end after it. */
export function yamlText(value: unknown): string {
  const lines = linesOf(value, 0)
  return `${lines.join('\n')}\n`
}

const INDENT = 4

/** The lines of a block that begins in the column `indent`, from there. */
function linesOf(value: unknown, indent: number): string[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap(each => hung('- ', '  ', linesOf(each, indent + 2)))
  }
  if (isObject(value) && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([key, each]) => entryLines(key, each, indent))
  }
  return [scalar(value)]
}

/** What belongs to a key begins in the next column that is a multiple of four. */
function entryLines(key: string, value: unknown, indent: number): string[] {
  const name = `${scalar(key)}:`
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0)
    return [`${name} ${scalar(value)}`]
  const inner = INDENT * Math.floor((indent + INDENT) / INDENT)
  const space = ' '.repeat(inner - indent)
  return [name, ...linesOf(value, inner).map(line => space + line)]
}

const hung = (first: string, next: string, lines: readonly string[]): string[] =>
  lines.map((line, index) => (index === 0 ? first : next) + line)

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'null'
  if (NOT_PRINTED.test(value) || AMBIGUOUS.some(each => each.test(value))) return JSON.stringify(value)
  return NOT_BARE.test(value) ? `'${value.replaceAll("'", "''")}'` : value
}
