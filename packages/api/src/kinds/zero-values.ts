/**
 * Fields that Go's types write also where there is nothing in them, so that clients see null, whatever was sent: lists and maps
 * without `omitempty` in k8s.io/api, since upstream's store makes nothing of those that are empty (protobuf has no empty lists);
 * and times that are no pointers, for `omitempty` leaves out no struct (`lastProbeTime` of conditions, `eventTime` of events).
 */
import type { Field, KubeObject, Schema, StructSchema } from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'
import { messageNameOf, schemas } from '../schemas.ts'

type Open = Record<string, unknown>

/** The value with nulls where they belong; the same value where there are none to write. Parts that others hold are not changed. */
type Fill = (value: unknown) => unknown

/** Lists that have to be there by the schema, and that may be empty all the same. Others, validation refuses. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  'batch.v1.PodFailurePolicy.rules',
  'core.v1.LimitRangeSpec.limits',
  'storage.v1.CSINodeSpec.drivers',
])

/** Times that are left out where they are not set (`omitzero`). */
const OMIT_ZERO: ReadonlySet<string> = new Set(['am.apis.meta.v1.ObjectMeta.creationTimestamp'])

/** The kind with nulls in what is stored. */
export function withNulls(kind: Kind): Kind {
  const { strategy, storedAs } = kind
  const { prepareForCreate, prepareForUpdate, prepareForStatusUpdate } = strategy
  return {
    ...kind,
    ...(storedAs && { storedAs: { ...storedAs, toStored: object => storedWithNulls(storedAs, object) } }),
    strategy: {
      ...strategy,
      prepareForCreate(object, context) {
        prepareForCreate?.(object, context)
        writeNulls(kind, object)
      },
      // Before what changed is counted as a generation.
      prepareForUpdate(object, old, context) {
        writeNulls(kind, object)
        prepareForUpdate?.(object, old, context)
      },
      ...(prepareForStatusUpdate && {
        prepareForStatusUpdate(object, old, context) {
          writeNulls(kind, object)
          prepareForStatusUpdate(object, old, context)
        },
      }),
    },
  }
}

function storedWithNulls({ type, toStored }: NonNullable<Kind['storedAs']>, object: KubeObject): KubeObject {
  const stored = toStored(object)
  writeNulls({ type, message: messageNameOf(type)! }, stored)
  return stored
}

/**
 * Writes the nulls of an object of the kind into it. Definitions of custom resources have none: they are stored as JSON, where
 * empty lists stay what they are.
 */
export function writeNulls({ type, message }: Pick<Kind, 'type' | 'message'>, object: KubeObject): void {
  if (type.group === 'apiextensions.k8s.io') return
  const fill = fillOf(schemas.schemaOf(message))
  const filled = fill?.(object)
  if (filled !== undefined && filled !== object) Object.assign(object, filled)
}

/** Nothing for structs without such fields, and while the struct is being looked at: none holds itself. */
const fills = new WeakMap<StructSchema, Fill | undefined>()

function fillOf(schema: StructSchema): Fill | undefined {
  if (fills.has(schema)) return fills.get(schema)
  fills.set(schema, undefined)
  const steps: [string, Fill][] = []
  for (const [name, field] of schema.fields) {
    const step = stepOf(`${schema.name}.${name}`, field)
    if (step !== undefined) steps.push([name, step])
  }
  const fill = steps.length === 0 ? undefined : (value: unknown) => fillFields(value as Open, steps)
  fills.set(schema, fill)
  return fill
}

function fillFields(object: Open, steps: readonly (readonly [string, Fill])[]): Open {
  let filled = object
  for (const [name, step] of steps) {
    const value = object[name]
    const next = step(value)
    if (next !== value)
      filled = filled === object ? { ...object, [name]: next } : Object.assign(filled, { [name]: next })
  }
  return filled
}

function stepOf(path: string, { schema, omitEmpty, pointer, required }: Field): Fill | undefined {
  if (schema.type === 'struct') {
    const inner = fillOf(schema)
    if (inner === undefined) return undefined
    return pointer
      ? present(inner)
      : value => (value === undefined || value === null ? made(inner, value) : inner(value))
  }
  if (schema.type === 'time' || schema.type === 'microTime') {
    return pointer || required || OMIT_ZERO.has(path) ? undefined : value => value ?? null
  }
  if (schema.type !== 'list' && schema.type !== 'map') return undefined
  const items = itemsOf(schema.type === 'list' ? schema.items : schema.values)
  const isWritten = !omitEmpty && !pointer && (!required || MAY_BE_EMPTY.has(path))
  if (!isWritten) return items && present(items)
  return value => (isEmpty(value) ? null : items === undefined ? value : items(value))
}

const present =
  (inner: Fill): Fill =>
  value =>
    value === undefined || value === null ? value : inner(value)

/** Structs that are no pointers are there whatever was sent: with their nulls, but without more than these they may be missing. */
function made(inner: Fill, value: unknown): unknown {
  const filled = inner({}) as Open
  return Object.keys(filled).length === 0 ? value : filled
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true
  return Array.isArray(value) ? value.length === 0 : Object.keys(value as object).length === 0
}

function itemsOf(schema: Schema): Fill | undefined {
  const inner = schema.type === 'struct' ? fillOf(schema) : undefined
  if (inner === undefined) return undefined
  return value => {
    if (!Array.isArray(value)) return fillEach(value as Open, inner)
    const filled = value.map(each => inner(each))
    return filled.some((each, index) => each !== value[index]) ? filled : value
  }
}

function fillEach(map: Open, inner: Fill): Open {
  const filled = Object.fromEntries(Object.entries(map).map(([key, each]) => [key, inner(each)]))
  return Object.entries(filled).some(([key, each]) => each !== map[key]) ? filled : map
}
