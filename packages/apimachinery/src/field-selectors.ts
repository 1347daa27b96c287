import { SelectorError } from './selectors.ts'

export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

/** A parsed field selector: every requirement must hold; empty selects everything. */
export type FieldSelector = readonly FieldRequirement[]

/**
 * Parses the `fieldSelector` parameter: `=`, `==`, `!=`, terms parted by commas, `\` before `,`, `=` and `\` in values. Throws
 * `SelectorError` with upstream's message (k8s.io/apimachinery/pkg/fields/selector.go).
 */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = []
  for (const term of splitTerms(text).sort()) {
    if (term === '') continue
    const match = /(!=|==|=)/.exec(term)
    if (match === null) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`)
    const field = term.slice(0, match.index)
    const value = unescapeValue(term.slice(match.index + match[0].length))
    // As upstream: a term with neither field nor value says nothing.
    if (field === '' && value === '') continue
    requirements.push({ field, operator: match[0] === '!=' ? '!=' : '=', value })
  }
  return requirements
}

function splitTerms(text: string): string[] {
  const terms: string[] = []
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === ',') {
      terms.push(text.slice(start, i))
      start = i + 1
    }
  }
  return [...terms, text.slice(start)]
}

function unescapeValue(text: string): string {
  let value = ''
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!
    if (character === '\\') {
      const escaped = text[++i]
      if (escaped === undefined || !'\\,='.includes(escaped)) {
        throw new SelectorError(`invalid field selector: invalid escape sequence: \\${escaped ?? ''}`)
      }
      value += escaped
    } else if (character === ',' || character === '=') {
      throw new SelectorError(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`)
    } else value += character
  }
  return value
}

/** `value` as it stands in the text of a field selector. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&')
}

export function formatFieldSelector(selector: FieldSelector): string {
  return selector.map(({ field, operator, value }) => `${field}${operator}${escapeFieldValue(value)}`).join(',')
}

/** Whether the object whose fields `read` reads is selected. Fields that are absent read as the empty text. */
export function matchesFields(selector: FieldSelector, read: (field: string) => string): boolean {
  return selector.every(({ field, operator, value }) => (read(field) === value) === (operator === '='))
}

/** The one value that the selector demands of `field`, where it demands one. */
export function requiredFieldValue(selector: FieldSelector, field: string): string | undefined {
  return selector.find(each => each.field === field && each.operator === '=')?.value
}
