import { opaqueType } from '../types/type.ts'
import { equals } from '../values/equality.ts'
import { CelError } from '../values/error.ts'
import { fromJson } from '../values/json.ts'
import { MapValue } from '../values/map.ts'
import { parseDuration, parseTimestamp } from '../values/time.ts'
import { Double, OpaqueValue, type Value } from '../values/value.ts'
import { escapeFieldName, unescapeFieldName } from './field-names.ts'
import { type ValueSchema, withResourceMeta } from './schema.ts'
import { schemaList } from './schema-lists.ts'

type JsonObject = Readonly<Record<string, unknown>>

/**
 * JSON with a schema as a value of CEL. Nothing is copied, and only what an expression looks at is converted; the JSON must
 * not change afterwards. What does not fit its schema fails when it is looked at. Behaviour: apiserver
 * pkg/cel/common/valuesunstructured.go.
 */
export function schemaValue(schema: ValueSchema, json: unknown): Value {
  if (json === null || json === undefined) {
    if (schema.nullable === true) return null
    throw new CelError('invalid data, got null for schema with nullable=false')
  }
  if (schema['x-kubernetes-int-or-string'] === true) return intOrString(json)
  switch (schema.type) {
    case 'object':
      return objectValue(schema, json)
    case 'array':
      return listValue(schema, json)
    case 'string':
      return stringValue(schema, json)
    case 'integer':
      return isJsonInt(json) ? json : mismatch('int', json)
    case 'number':
      return typeof json === 'number' || typeof json === 'bigint' ? new Double(Number(json)) : mismatch('float', json)
    case 'boolean':
      return typeof json === 'boolean' ? json : mismatch('bool', json)
    default:
      if (schema['x-kubernetes-preserve-unknown-fields'] === true) return new PreservedValue(json)
      throw new CelError(
        `invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got ${schema.type ?? ''}`,
      )
  }
}

function mismatch(expected: string, json: unknown): never {
  throw new CelError(`invalid data, expected ${expected}, got ${goTypeOf(json)}`)
}

/** What Go calls the type of decoded JSON. */
function goTypeOf(json: unknown): string {
  if (Array.isArray(json)) return '[]interface {}'
  switch (typeof json) {
    case 'number':
      return Number.isInteger(json) ? 'int64' : 'float64'
    case 'bigint':
      return 'int64'
    case 'boolean':
      return 'bool'
    case 'object':
      return 'map[string]interface {}'
    default:
      return typeof json
  }
}

const isJsonInt = (json: unknown): json is number | bigint =>
  typeof json === 'bigint' || (typeof json === 'number' && Number.isSafeInteger(json))

function intOrString(json: unknown): Value {
  if (typeof json === 'string' || isJsonInt(json)) return json
  throw new CelError('invalid data, expected XIntOrString value to be either a string or integer')
}

function stringValue({ format }: ValueSchema, json: unknown): Value {
  if (typeof json !== 'string') return mismatch('string', json)
  switch (format) {
    case 'duration':
      return parseDuration(json) ?? fail(`Invalid duration ${json}`)
    case 'date':
      return parseTimestamp(`${json}T00:00:00Z`) ?? fail(`Invalid date formatted string ${json}`)
    case 'date-time':
      return parseTimestamp(json.toUpperCase()) ?? fail(`Invalid date-time formatted string ${json}`)
    case 'byte':
      return decodeBase64(json) ?? fail(`Invalid byte formatted string ${json}`)
    default:
      return json
  }
}

function fail(message: string): never {
  throw new CelError(message)
}

function decodeBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), char => char.charCodeAt(0))
  } catch {
    return undefined
  }
}

function listValue(schema: ValueSchema, json: unknown): Value {
  if (!Array.isArray(json))
    throw new CelError('invalid data, expected an array for the provided schema with type=array')
  const { items } = schema
  if (items === undefined) throw new CelError('invalid array type, expected Items with a non-empty Schema')
  return schemaList(schema, json, element => schemaValue(items, element))
}

const completed = new WeakMap<ValueSchema, ValueSchema>()

/** The schema of an embedded resource with the fields that each has, made once. */
function completeSchema(schema: ValueSchema): ValueSchema {
  if (schema['x-kubernetes-embedded-resource'] !== true) return schema
  let complete = completed.get(schema)
  if (complete === undefined) {
    complete = withResourceMeta(schema)
    completed.set(schema, complete)
  }
  return complete
}

function objectValue(schema: ValueSchema, json: unknown): Value {
  if (typeof json !== 'object' || Array.isArray(json)) {
    throw new CelError('invalid data, expected a map for the provided schema with type=object')
  }
  const complete = completeSchema(schema)
  if (complete.properties !== undefined) return new SchemaObject(complete.properties, json as JsonObject)
  const { additionalProperties } = complete
  return new SchemaMap(typeof additionalProperties === 'object' ? additionalProperties : undefined, json as JsonObject)
}

/** An object with properties. Fields without a schema are not there; those that are null neither. */
class SchemaObject extends MapValue {
  readonly #properties: Readonly<Record<string, ValueSchema>>
  readonly raw: JsonObject

  constructor(properties: Readonly<Record<string, ValueSchema>>, raw: JsonObject) {
    super()
    this.#properties = properties
    this.raw = raw
  }

  get size(): number {
    return Object.keys(this.raw).length
  }

  find(key: Value): Value | undefined {
    const field = this.#fieldOf(key)
    return field === undefined ? undefined : schemaValue(this.#properties[field]!, this.raw[field])
  }

  /** The property that is there under an escaped name. */
  #fieldOf(key: Value): string | undefined {
    if (typeof key !== 'string') throw new CelError('no such overload')
    const field = unescapeFieldName(key)
    if (field === undefined) return undefined
    const value = this.raw[field]
    if (value === undefined || value === null) return undefined
    return Object.hasOwn(this.raw, field) && Object.hasOwn(this.#properties, field) ? field : undefined
  }

  keys(): Value[] {
    return Object.keys(this.raw)
      .filter(name => Object.hasOwn(this.#properties, name))
      .map(name => escapeFieldName(name) ?? name)
  }

  override equalTo(other: MapValue): boolean {
    return equalObjects(this, other, name => Object.hasOwn(this.#properties, name))
  }
}

/** An object with any keys, whose values have one schema; without it, no expression can look inside. */
class SchemaMap extends MapValue {
  readonly #values: ValueSchema | undefined
  readonly raw: JsonObject

  constructor(values: ValueSchema | undefined, raw: JsonObject) {
    super()
    this.#values = values
    this.raw = raw
  }

  get size(): number {
    return Object.keys(this.raw).length
  }

  find(key: Value): Value | undefined {
    return this.has(key) ? schemaValue(this.#values!, this.raw[key as string]) : undefined
  }

  override has(key: Value): boolean {
    if (typeof key !== 'string') throw new CelError('no such overload')
    return this.#values !== undefined && Object.hasOwn(this.raw, key)
  }

  keys(): Value[] {
    return this.#values === undefined ? [] : Object.keys(this.raw)
  }

  override equalTo(other: MapValue): boolean {
    return equalObjects(this, other, () => this.#values !== undefined)
  }
}

/** As upstream: keys with a schema are compared by it, others by their JSON and only where both have them. */
function equalObjects(a: SchemaObject | SchemaMap, b: MapValue, hasSchema: (name: string) => boolean): boolean {
  if (a.size !== b.size) return false
  return Object.keys(a.raw).every(name => {
    if (!hasSchema(name)) {
      if (!(b instanceof SchemaObject || b instanceof SchemaMap)) throw new CelError('no such overload')
      return !Object.hasOwn(b.raw, name) || equals(fromJson(a.raw[name]), fromJson(b.raw[name]))
    }
    const key = a instanceof SchemaObject ? (escapeFieldName(name) ?? name) : name
    const [left, right] = [a.find(key), b.find(key)]
    return left === undefined || right === undefined ? left === right : equals(left, right)
  })
}

/** Something that a schema preserves without saying what it is: it can be compared, and nothing else. */
class PreservedValue extends OpaqueValue {
  readonly type = opaqueType('unknown')
  readonly json: unknown

  constructor(json: unknown) {
    super()
    this.json = json
  }

  equals(other: Value): boolean {
    return other instanceof PreservedValue && equals(fromJson(this.json), fromJson(other.json))
  }
}
