/** Configuration files in the shape of API objects (audit policies, encryption of stored objects). */
import { load } from 'js-yaml'
import { READ_SCHEMA } from '../encoding/yaml-schema.ts'

type Plain = Record<string, unknown>

/** Which fields a file may have: `'scalar'`, `['scalar']` for lists, or the fields of an object. */
export type Shape = 'scalar' | 'any' | readonly [Shape] | { readonly [field: string]: Shape }

export interface ConfigFile {
  readonly apiVersion: string
  readonly kind: string
  readonly value: Plain
  /** Paths of fields that the shape does not have. */
  readonly unknownFields: readonly string[]
}

/** Reads YAML or JSON. Throws Error where the text is neither, or values are not of the shape. */
export function readConfigFile(text: string, shape: Shape): ConfigFile {
  const value = load(text, { schema: READ_SCHEMA })
  if (!isPlain(value)) throw new Error('the file holds no object')
  const unknownFields: string[] = []
  check(value, { ...(shape as object), apiVersion: 'scalar', kind: 'scalar', metadata: 'any' }, '', unknownFields)
  const { apiVersion = '', kind = '' } = value
  return { apiVersion: String(apiVersion), kind: String(kind), value, unknownFields }
}

function check(value: unknown, shape: Shape, path: string, unknown: string[]): void {
  if (value === null || value === undefined || shape === 'any') return
  if (shape === 'scalar') {
    if (typeof value === 'object') throw new Error(`${path} must be a single value`)
  } else if (isList(shape)) {
    if (!Array.isArray(value)) throw new Error(`${path} must be a list`)
    for (const [index, each] of value.entries()) check(each, shape[0], `${path}[${index}]`, unknown)
  } else {
    if (!isPlain(value)) throw new Error(`${path} must be an object`)
    for (const [field, each] of Object.entries(value)) {
      const at = path === '' ? field : `${path}.${field}`
      const own = Object.hasOwn(shape, field) ? shape[field] : undefined
      if (own === undefined) unknown.push(at)
      else check(each, own, at, unknown)
    }
  }
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape)
