/** Lists that are sets or maps: what they may hold, and what of them an update leaves as it was (KEP-4008). */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { deepEqual, duplicate, type FieldError, invalid, isObject } from '@canopus/apimachinery'
import { itemsOf, someSchema } from './structural.ts'

/** Stands for "there is nothing to compare with". */
export const NOTHING: unique symbol = Symbol('nothing')

/** Finds the entry of the old list that a new one continues: by its keys, where the list has some. */
export function correlate(schema: JSONSchemaProps, old: unknown): (entry: unknown) => unknown {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) return () => NOTHING
  const byKeys = new Map(old.map(each => [keysText(schema, each), each as unknown]))
  return entry => {
    const text = keysText(schema, entry)
    return byKeys.has(text) ? byKeys.get(text) : NOTHING
  }
}

/**
 * Whether a value counts as the old one: lists with keys in any order, objects only where the schema knows all their fields
 * (k8s.io/apiserver/pkg/cel/common, CachedDeepEqual).
 */
export function isUnchanged(schema: JSONSchemaProps, value: unknown, old: unknown): boolean {
  if (Array.isArray(value) && Array.isArray(old)) {
    if (value.length !== old.length) return false
    const items = itemsOf(schema)
    if (schema['x-kubernetes-list-type'] !== 'map' || items === undefined) return deepEqual(value, old)
    const before = correlate(schema, old)
    return value.every(each => {
      const previous = before(each)
      return previous !== NOTHING && isUnchanged(items, each, previous)
    })
  }
  if (!isObject(value) || !isObject(old)) return deepEqual(value, old)
  const names = Object.keys(value)
  return (
    names.length === Object.keys(old).length &&
    names.every(name => {
      const rule = fieldOf(schema, name)
      return rule !== undefined && Object.hasOwn(old, name) && isUnchanged(rule, value[name], old[name])
    })
  )
}

/**
 * Sets and maps hold nothing twice (pkg/apiserver/schema/listtype). Where the old value did, in whatever list, the new one
 * may too.
 */
export function checkListTypes(schema: JSONSchemaProps, value: unknown, old?: unknown): FieldError[] {
  const errors = findTwice(schema, value, '')
  return errors.length > 0 && old !== undefined && findTwice(schema, old, '').length > 0 ? [] : errors
}

/** Whether there are sets or maps anywhere below a schema. */
export const hasListTypes = (schema: JSONSchemaProps): boolean => someSchema(schema, isUnique)

const isUnique = (schema: JSONSchemaProps): boolean =>
  schema['x-kubernetes-list-type'] === 'set' || schema['x-kubernetes-list-type'] === 'map'

function findTwice(schema: JSONSchemaProps, value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    const own = checkListType(schema, value, path)
    return items === undefined
      ? own
      : [...own, ...value.flatMap((each, index) => findTwice(items, each, `${path}[${index}]`))]
  }
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, each]) => {
    const own = propertyOf(schema, name)
    if (own !== undefined) return findTwice(own, each, path === '' ? name : `${path}.${name}`)
    const { additionalProperties } = schema
    return typeof additionalProperties === 'object' ? findTwice(additionalProperties, each, `${path}[${name}]`) : []
  })
}

function checkListType(schema: JSONSchemaProps, value: readonly unknown[], path: string): FieldError[] {
  if (!isUnique(schema)) return []
  const type = schema['x-kubernetes-list-type']
  const errors: FieldError[] = []
  const seen = new Set<string>()
  const reported = new Set<string>()
  const odd = type === 'map' ? value.findIndex(each => each !== null && !isObject(each)) : -1
  // Entries without keys cannot be compared.
  if (odd >= 0) return [invalid(`${path}[${odd}]`, value[odd], 'must be an object for an array of list-type map')]
  for (const [index, each] of value.entries()) {
    const shown = type === 'map' ? keysOf(schema, each) : each
    const text = JSON.stringify(shown)
    if (seen.has(text) && !reported.has(text)) {
      reported.add(text)
      errors.push(duplicate(`${path}[${index}]`, shown))
    }
    seen.add(text)
  }
  return errors
}

function keysOf(schema: JSONSchemaProps, entry: unknown): Record<string, unknown> {
  const keys: Record<string, unknown> = {}
  if (isObject(entry))
    for (const key of schema['x-kubernetes-list-map-keys'] ?? []) if (Object.hasOwn(entry, key)) keys[key] = entry[key]
  return keys
}

const keysText = (schema: JSONSchemaProps, entry: unknown): string => JSON.stringify(keysOf(schema, entry))

const propertyOf = ({ properties }: JSONSchemaProps, name: string): JSONSchemaProps | undefined =>
  properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined

function fieldOf(schema: JSONSchemaProps, name: string): JSONSchemaProps | undefined {
  const { additionalProperties } = schema
  return propertyOf(schema, name) ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
}
