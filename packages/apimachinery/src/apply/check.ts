/** Whether a configuration fits the schema (sigs.k8s.io/structured-merge-diff/typed/validate.go, texts included). */
import { goQuote } from '../go-quote.ts'
import { goText } from '../patch/patch-error.ts'
import { ElementError, elementText, entryElement } from './elements.ts'
import { childType, entryType, isMap, listOf, type Plain, type Type } from './shape.ts'

interface Finding {
  /** Steps from the value to what is wrong in it, the last one first. */
  readonly steps: string[]
  readonly text: string
}

const NONE: readonly Finding[] = []

/** What is wrong with the configuration, one text per finding. */
export function checkConfig(type: Type, value: unknown): string[] {
  return check(type, value).map(({ steps, text }) => {
    const path = steps.reverse().join('')
    return path === '' ? text : `${path}: ${text}`
  })
}

/** As Go prints the list of findings. */
export function findingsText(findings: readonly string[]): string {
  return findings.length === 1 ? findings[0]! : `errors:\n${findings.map(each => `  ${each}`).join('\n')}`
}

const found = (text: string): readonly Finding[] => [{ steps: [], text }]

function check(type: Type, value: unknown): readonly Finding[] {
  if (value === null || value === undefined) return NONE
  switch (type.schema.type) {
    case 'struct':
    case 'map':
      return isMap(value) ? checkMap(type, value) : found(`expected map, got ${shown(value)}`)
    case 'list':
      return Array.isArray(value) ? checkList(type, value) : found(`expected list, got ${shown(value)}`)
    case 'string':
    case 'bytes':
    case 'time':
    case 'microTime':
    case 'duration':
      return typeof value === 'string'
        ? NONE
        : found(`expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`)
    case 'bool':
      return typeof value === 'boolean' ? NONE : found(`expected boolean, got ${shown(value)}`)
    case 'quantity':
      return typeof value === 'object' ? found(`expected any scalar, got ${shown(value)}`) : NONE
    case 'any':
    case 'intOrString':
    case 'schemaOrList':
    case 'schemaOrBool':
    case 'schemaOrStrings':
      return NONE
    default:
      return typeof value === 'number' || typeof value === 'bigint'
        ? NONE
        : found(`expected numeric (int or float), got ${goType(value)}`)
  }
}

function checkMap(type: Type, value: Plain): readonly Finding[] {
  const findings: Finding[] = []
  for (const key of Object.keys(value)) {
    const child = childType(type.schema, key)
    if (child === undefined) return [...findings, { steps: [`.${key}`], text: 'field not declared in schema' }]
    for (const each of check(child, value[key])) {
      each.steps.push(`.${key}`)
      findings.push(each)
    }
  }
  return findings
}

function checkList(type: Type, value: readonly unknown[]): readonly Finding[] {
  const list = listOf(type)
  const items = entryType(list.items)
  const keyed = list.listType === 'set' || list.listType === 'map'
  const seen = new Set<string>()
  const findings: Finding[] = []
  for (const [index, entry] of value.entries()) {
    let element = `i:${index}`
    if (keyed) {
      try {
        element = entryElement(list, entry)
      } catch (error) {
        if (!(error instanceof ElementError)) throw error
        return [...findings, ...found(`element ${index}: ${error.message}`)]
      }
      if (seen.has(element)) findings.push(...found(`duplicate entries for key ${elementText(element)}`))
      seen.add(element)
    }
    for (const each of check(items, entry)) {
      each.steps.push(elementText(element))
      findings.push(each)
    }
  }
  return findings
}

/** As Go's `%v` shows the value, which stands in a structure there. */
const shown = (value: unknown): string => `&{${goText(value)}}`

/** As Go's `%#v` shows it. */
function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)'
  if (typeof value === 'string') return goQuote(value)
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (!isMap(value)) return goText(value)
  const keys = Object.keys(value).sort()
  return `map[string]interface {}{${keys.map(key => `${goQuote(key)}:${goSyntax(value[key])}`).join(', ')}}`
}

function goType(value: unknown): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}
