/** A place in a source: lines from 1, columns (code points) from 0. */
export interface Location {
  readonly line: number
  readonly column: number
}

/** Where a problem has no place. */
export const NO_LOCATION: Location = { line: -1, column: -1 }

/** The text of an expression, by code points. Behaviour: cel-go common/source.go. */
export class Source {
  readonly text: string
  readonly description: string
  #codePoints: readonly string[] | undefined
  #lineStarts: readonly number[] | undefined

  constructor(text: string, description = '<input>') {
    this.text = text
    this.description = description
  }

  get codePoints(): readonly string[] {
    this.#codePoints ??= Array.from(this.text)
    return this.#codePoints
  }

  get #lines(): readonly number[] {
    this.#lineStarts ??= [0, ...this.codePoints.flatMap((char, index) => (char === '\n' ? [index + 1] : []))]
    return this.#lineStarts
  }

  /** The place of an offset in code points. */
  location(offset: number): Location {
    // As upstream's parser says of the end of an empty text.
    if (this.text === '') return { line: 1, column: -1 }
    const lines = this.#lines
    let line = lines.length - 1
    while (line > 0 && lines[line]! > offset) line--
    return { line: line + 1, column: offset - lines[line]! }
  }

  /** The text of a line, or undefined where there is none. */
  snippet(line: number): string | undefined {
    const start = this.#lines[line - 1]
    if (start === undefined || this.text === '') return undefined
    const end = this.#lines[line]
    return this.codePoints.slice(start, end === undefined ? undefined : end - 1).join('')
  }
}

/** A problem of an expression at a place, as the parser and the checker find it. */
export interface Issue {
  readonly message: string
  readonly location: Location
  /** The node it is about, or 0. */
  readonly exprId: number
}

const MAX_ISSUES = 100
const MAX_SNIPPET = 16_384

/** The problem with the line of the source that it is in and a mark below the place. Text: cel-go common/error.go. */
export function formatIssue(issue: Issue, source: Source): string {
  const { line, column } = issue.location
  const head = `ERROR: ${source.description}:${line}:${column + 1}: ${issue.message}`
  const snippet = source.snippet(line)?.replaceAll('\t', ' ')
  if (snippet === undefined || snippet.length > MAX_SNIPPET) return head
  const chars = Array.from(snippet)
  const before = chars.slice(0, Math.max(column, 0)).map(char => (isWide(char) ? '\uff0e' : '.'))
  const at = chars[column]
  return `${head}\n | ${snippet}\n | ${before.join('')}${at !== undefined && isWide(at) ? '\uff3e' : '^'}`
}

const isWide = (char: string): boolean => char.codePointAt(0)! >= 0x80

/** All problems in the order of the source, one below the other. */
export function formatIssues(issues: readonly Issue[], source: Source): string {
  const shown = issues.slice(0, MAX_ISSUES)
  const sorted = shown.toSorted((a, b) => a.location.line - b.location.line || a.location.column - b.location.column)
  const lines = sorted.map(issue => formatIssue(issue, source))
  if (issues.length > MAX_ISSUES) lines.push(`${issues.length - MAX_ISSUES} more errors were truncated`)
  return lines.join('\n')
}
