/** What sort of type it is. `struct` is an object type that a provider knows; `opaque` is abstract, perhaps with parameters. */
export type TypeKind =
  | 'any'
  | 'bool'
  | 'bytes'
  | 'double'
  | 'duration'
  | 'dyn'
  | 'error'
  | 'int'
  | 'list'
  | 'map'
  | 'null'
  | 'opaque'
  | 'string'
  | 'struct'
  | 'timestamp'
  | 'type'
  | 'typeParam'
  | 'uint'

/**
 * A type of CEL. It is also a value of CEL (`type(1) == int`). Immutable. Behaviour: cel-go common/types/types.go.
 * `name` is the name at run time, without parameters. `nullable` marks the wrapper of a primitive, which null fits too.
 */
export class CelType {
  readonly kind: TypeKind
  readonly name: string
  readonly params: readonly CelType[]
  readonly nullable: boolean

  constructor(kind: TypeKind, name: string, params: readonly CelType[] = [], nullable = false) {
    this.kind = kind
    this.name = name
    this.params = params
    this.nullable = nullable
  }

  toString(): string {
    return this.name
  }
}

export const anyType = new CelType('any', 'google.protobuf.Any')
export const boolType = new CelType('bool', 'bool')
export const bytesType = new CelType('bytes', 'bytes')
export const doubleType = new CelType('double', 'double')
export const durationType = new CelType('duration', 'google.protobuf.Duration')
export const dynType = new CelType('dyn', 'dyn')
export const errorType = new CelType('error', 'error')
export const intType = new CelType('int', 'int')
export const nullType = new CelType('null', 'null_type')
export const stringType = new CelType('string', 'string')
export const timestampType = new CelType('timestamp', 'google.protobuf.Timestamp')
export const typeType = new CelType('type', 'type')
export const uintType = new CelType('uint', 'uint')

export const listOf = (element: CelType): CelType => new CelType('list', 'list', [element])
export const mapOf = (key: CelType, value: CelType): CelType => new CelType('map', 'map', [key, value])
export const optionalOf = (value: CelType): CelType => new CelType('opaque', 'optional_type', [value])
export const typeOfType = (of: CelType): CelType => new CelType('type', 'type', [of])
export const typeParam = (name: string): CelType => new CelType('typeParam', name)
/** An abstract type: values of it are made and taken apart by functions only. */
export const opaqueType = (name: string, ...params: CelType[]): CelType => new CelType('opaque', name, params)
/** A type with fields, which a provider describes by this name. */
export const structType = (name: string): CelType => new CelType('struct', name)
/** The wrapper of a primitive type: also null. */
export const nullableOf = (type: CelType): CelType => new CelType(type.kind, type.name, type.params, true)

export const listType = listOf(dynType)
export const mapType = mapOf(dynType, dynType)

export const isDyn = ({ kind }: CelType): boolean => kind === 'dyn' || kind === 'any'
export const isOptionalType = ({ kind, name }: CelType): boolean => kind === 'opaque' && name === 'optional_type'

/** Whether both are the very same type, parameters included. */
export function isExactType(a: CelType, b: CelType): boolean {
  if (a === b) return true
  return (
    a.kind === b.kind &&
    a.name === b.name &&
    a.params.length === b.params.length &&
    a.params.every((param, index) => isExactType(param, b.params[index]!))
  )
}

const shortNames: Partial<Record<TypeKind, string>> = {
  any: 'any',
  duration: 'duration',
  error: '!error!',
  null: 'null',
  timestamp: 'timestamp',
}

/** The type as messages to clients show it. */
export function formatType(type: CelType): string {
  const short = shortNames[type.kind]
  if (short !== undefined) return short
  if (type.kind === 'typeParam') return type.name
  if (type.params.length === 0) return type.nullable ? `wrapper(${type.name})` : type.name
  return `${type.name}(${type.params.map(formatType).join(', ')})`
}

/** The signature of a call as messages to clients show it. */
export function formatSignature(args: readonly CelType[], member: boolean): string {
  const names = args.map(formatType)
  return member ? `${names[0]}.(${names.slice(1).join(', ')})` : `(${names.join(', ')})`
}
