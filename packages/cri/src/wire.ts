import { default as protobuf } from 'protobufjs'
import { ENUMS, MESSAGES, type METHODS } from './messages.ts'

type Messages = typeof MESSAGES
type Enums = typeof ENUMS
export type MessageName = keyof Messages
export type MethodName = keyof typeof METHODS

interface Scalars {
  string: string
  bool: boolean
  int32: number
  uint32: number
  /** Nanosecond times lose their last two or three digits, which nobody needs. */
  int64: number
  uint64: number
  bytes: Uint8Array
  map: Readonly<Record<string, string>>
}

type InputValue<T> = T extends `${infer Element}[]`
  ? readonly InputValue<Element>[]
  : T extends keyof Scalars
    ? Scalars[T]
    : T extends keyof Enums
      ? keyof Enums[T]
      : T extends MessageName
        ? Input<T>
        : never

type OutputValue<T> = T extends `${infer Element}[]`
  ? NonNullable<OutputValue<Element>>[]
  : T extends keyof Scalars
    ? Scalars[T]
    : T extends keyof Enums
      ? keyof Enums[T]
      : T extends MessageName
        ? Output<T> | undefined
        : never

type TypeOf<Field> = Field extends readonly [number, infer T] ? T : never

/** A message to send: what is left out has protobuf's default. */
export type Input<Name extends MessageName> = {
  -readonly [Field in keyof Messages[Name]]?: InputValue<TypeOf<Messages[Name][Field]>>
}

/** A message received: everything is there, except messages within it that were not sent. */
export type Output<Name extends MessageName> = {
  -readonly [Field in keyof Messages[Name]]: OutputValue<TypeOf<Messages[Name][Field]>>
}

const root = protobuf.Root.fromJSON({ nested: { ...enumDescriptors(), ...messageDescriptors() } })

function enumDescriptors(): Record<string, protobuf.IEnum> {
  return Object.fromEntries(Object.entries(ENUMS).map(([name, values]) => [name, { values: { ...values } }]))
}

function messageDescriptors(): Record<string, protobuf.IType> {
  return Object.fromEntries(
    Object.entries<Record<string, readonly [number, string]>>(MESSAGES).map(([name, fields]) => [
      name,
      {
        fields: Object.fromEntries(Object.entries(fields).map(([field, [id, type]]) => [field, descriptor(id, type)])),
      },
    ]),
  )
}

function descriptor(id: number, type: string): protobuf.IField | protobuf.IMapField {
  if (type === 'map') return { id, keyType: 'string', type: 'string' }
  return type.endsWith('[]') ? { id, type: type.slice(0, -2), rule: 'repeated' } : { id, type }
}

/** A message as bytes. */
export function encode<Name extends MessageName>(name: Name, message: Input<Name>): Buffer {
  const type = root.lookupType(name)
  return Buffer.from(type.encode(type.fromObject(message)).finish())
}

export function decode<Name extends MessageName>(name: Name, bytes: Uint8Array): Output<Name> {
  const type = root.lookupType(name)
  const plain: unknown = type.toObject(type.decode(bytes), { longs: Number, enums: String, defaults: true })
  return dropNulls(plain) as Output<Name>
}

/** Messages that were not sent come as null where defaults are asked for; `undefined` is what TypeScript expects. */
function dropNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropNulls)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value ?? undefined
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) delete (value as Record<string, unknown>)[key]
    else if (typeof inner === 'object') (value as Record<string, unknown>)[key] = dropNulls(inner)
  }
  return value
}
