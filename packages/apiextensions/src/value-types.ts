/** Of what type a value is, and whether it may be (k8s.io/kube-openapi/pkg/validation/validate/type.go). */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { type FieldError, NumberLiteral, typeInvalid } from '@canopus/apimachinery'
import { isKnownFormat } from './formats.ts'

/** A float is an integer too where it is whole and no neighbour could have been meant. */
function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'bigint') return 'integer'
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'integer' : 'number'
  return value instanceof NumberLiteral ? 'number' : typeof value
}

/** The types of Go that numbers are decoded into stand in findings about a format; of anything else nothing does. */
const GO_TYPES: Readonly<Record<string, string>> = { integer: 'int64', number: 'float64' }

const NUMBER_FORMATS: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
}

/** The format, where it counts with the type (StripUnsupportedFormatsPostProcessorForVersion). */
export function formatOf({ type, format }: JSONSchemaProps): string | undefined {
  if (!format) return undefined
  const isKnown = !type || type === 'string' ? isKnownFormat(format) : NUMBER_FORMATS[type]?.includes(format)
  return isKnown === true ? format : undefined
}

/** Whether values are held to a type at all. */
export const isTyped = (schema: JSONSchemaProps): boolean =>
  !!schema.type || schema['x-kubernetes-int-or-string'] === true || formatOf(schema) !== undefined

/**
 * What is wrong with the type. Where there is a format, that is named instead of it, and lists go through where text of a format
 * should be.
 */
export function checkType(schema: JSONSchemaProps, value: unknown, path: string): FieldError | undefined {
  const { type } = schema
  const found = typeOf(value)
  if (type === found || (type === 'number' && found === 'integer')) return undefined
  if (value === null && schema.nullable === true) return undefined
  const either = schema['x-kubernetes-int-or-string'] === true
  if (either && (found === 'integer' || found === 'string')) return undefined
  const wrong = (wanted: string, seen: string): FieldError =>
    typeInvalid(path, seen, `${path} in body must be of type ${wanted}: ${JSON.stringify(seen)}`)
  const format = value === null ? undefined : formatOf(schema)
  if (format !== undefined) {
    if (found !== 'string' && found !== 'array') return wrong(format, GO_TYPES[found] ?? '')
    if (!either && type !== 'integer' && type !== 'number') return undefined
  }
  const wanted = either ? 'integer,string' : type
  return wanted ? wrong(wanted, found) : undefined
}
