/** Whether a configuration fits the schema (sigs.k8s.io/structured-merge-diff/typed/validate.go, texts included). */
import { ElementError, elementText, entryElement } from './elements.ts'
import { childType, entryType, isMap, listOf, type Plain, type Type } from './shape.ts'

/** What is wrong with the configuration, one text per finding. */
export function checkConfig(type: Type, value: unknown): string[] {
  return check(type, value, '')
}

/** As Go prints the list of findings. */
export function findingsText(findings: readonly string[]): string {
  return findings.length === 1 ? findings[0]! : `errors:\n${findings.map(each => `  ${each}`).join('\n')}`
}

function check(type: Type, value: unknown, path: string): string[] {
  if (value === null || value === undefined) return []
  const at = (text: string): string[] => [path === '' ? text : `${path}: ${text}`]
  switch (type.schema.type) {
    case 'struct':
    case 'map':
      return isMap(value) ? checkMap(type, value, path) : at(`expected map, got ${shown(value)}`)
    case 'list':
      return Array.isArray(value) ? checkList(type, value, path) : at(`expected list, got ${shown(value)}`)
    case 'string':
    case 'bytes':
    case 'time':
    case 'microTime':
    case 'duration':
      return typeof value === 'string' ? [] : at(`expected string, got ${shown(value)}`)
    case 'bool':
      return typeof value === 'boolean' ? [] : at(`expected boolean, got ${shown(value)}`)
    case 'quantity':
    case 'intOrString':
      return typeof value === 'object' ? at(`expected any scalar, got ${shown(value)}`) : []
    case 'any':
    case 'schemaOrList':
    case 'schemaOrBool':
    case 'schemaOrStrings':
      return []
    default:
      return typeof value === 'number' || typeof value === 'bigint'
        ? []
        : at(`expected numeric (int or float), got ${goType(value)}`)
  }
}

function checkMap(type: Type, value: Plain, path: string): string[] {
  const findings: string[] = []
  for (const [key, each] of Object.entries(value)) {
    const child = childType(type.schema, key)
    if (child === undefined) return [...findings, `${path}.${key}: field not declared in schema`]
    findings.push(...check(child, each, `${path}.${key}`))
  }
  return findings
}

function checkList(type: Type, value: readonly unknown[], path: string): string[] {
  const list = listOf(type)
  const items = entryType(list.items)
  const keyed = list.listType === 'set' || list.listType === 'map'
  const seen = new Set<string>()
  const findings: string[] = []
  for (const [index, each] of value.entries()) {
    let step = `[${index}]`
    if (keyed) {
      try {
        const element = entryElement(list, each)
        step = elementText(element)
        if (seen.has(element)) findings.push(`${path}: duplicate entries for key ${step}`)
        seen.add(element)
      } catch (error) {
        if (!(error instanceof ElementError)) throw error
        return [...findings, `${path}: element ${index}: ${error.message}`]
      }
    }
    findings.push(...check(items, each, `${path}${step}`))
  }
  return findings
}

/** As Go's `%v` of the value shows it. */
function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(JSON.stringify(value))
}

function goType(value: unknown): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}
