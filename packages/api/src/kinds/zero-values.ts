/**
 * What Go's types write also where there is nothing in it (k8s.io/api): structs, times, quantities and the like that are no pointers,
 * whatever their tag says but `omitzero`; lists, maps and plain values without `omitempty`. Upstream's store makes nothing of lists
 * and maps that are empty, since protobuf has none, and so clients see null, whatever was sent.
 */
import {
  type Field,
  formatQuantity,
  type KubeObject,
  milliQuantityOf,
  noteEmpty,
  parseQuantity,
  type StructSchema,
  scaledQuantity,
  unsetValue,
} from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'
import { messageNameOf, schemas } from '../schemas.ts'

type Open = Record<string, unknown>

/**
 * The value with what Go writes in it; the same value where that is there. Parts that others hold are not changed. Only what is
 * `stored` has null for lists that were given without entries.
 */
type Fill = (value: Open, stored: boolean) => Open

/** What becomes of one field. Every pod that is written passes here: plain members, no closures but for structs. */
interface Step {
  readonly name: string
  /** What stands where nothing is; undefined where Go leaves it out too. */
  readonly zero: unknown
  /** Whether a struct stands there, a new one each time. */
  readonly isStruct: boolean
  /** Whether nothing stands for an empty list or map. */
  readonly emptyIsZero: boolean
  readonly holds: 'one' | 'list' | 'map'
  /** Amounts of resources, which have thousandths and nothing smaller. */
  readonly isResources: boolean
  readonly inner: Fill | undefined
}

/** Lists that have to be there by the schema, and that may be empty all the same. Others, validation refuses: they stay missing. */
const MAY_BE_EMPTY: ReadonlySet<string> = new Set([
  'apiextensions.v1.CustomResourceDefinitionSpec.versions',
  'batch.v1.PodFailurePolicy.rules',
  'core.v1.LimitRangeSpec.limits',
  'core.v1.ScaleIOPersistentVolumeSource.secretRef',
  'core.v1.ScaleIOVolumeSource.secretRef',
  'storage.v1.CSINodeSpec.drivers',
])

/** The kind with Go's zero values in what it defaults and stores. */
export function withZeroValues(kind: Kind): Kind {
  const { strategy, storedAs } = kind
  const { prepareForCreate, prepareForUpdate, prepareForStatusUpdate } = strategy
  return {
    ...kind,
    ...(storedAs && { storedAs: { ...storedAs, toStored: object => storedWithZeros(storedAs, object) } }),
    strategy: {
      ...strategy,
      // As decoding in Go does, before defaults are looked for.
      default(object) {
        writeZeros(kind, object, false)
        strategy.default?.(object)
      },
      prepareForCreate(object, context) {
        prepareForCreate?.(object, context)
        writeZeros(kind, object)
      },
      // Before what changed is counted as a generation.
      prepareForUpdate(object, old, context) {
        writeZeros(kind, object)
        prepareForUpdate?.(object, old, context)
      },
      ...(prepareForStatusUpdate && {
        prepareForStatusUpdate(object, old, context) {
          writeZeros(kind, object)
          prepareForStatusUpdate(object, old, context)
        },
      }),
    },
  }
}

function storedWithZeros({ type, toStored }: NonNullable<Kind['storedAs']>, object: KubeObject): KubeObject {
  const stored = toStored(object)
  writeZeros({ type, message: messageNameOf(type)! }, stored)
  return stored
}

/**
 * Writes the zero values of an object of the kind into it. Definitions of custom resources are stored as JSON, where empty lists stay
 * what they are.
 */
export function writeZeros({ type, message }: Pick<Kind, 'type' | 'message'>, object: KubeObject, stored = true): void {
  writeZerosOf(message, object, stored && type.group !== 'apiextensions.k8s.io')
}

/** The same for what has no kind of its own: reviews, scales and the like. */
export function writeZerosOf(message: string, object: object, stored = true): void {
  const filled = fillOf(schemas.schemaOf(message))?.(object as Open, stored)
  if (filled !== undefined && filled !== object) Object.assign(object, filled)
}

/** Nothing for structs that Go writes as they are, and while the struct is being looked at: none holds itself. */
const fills = new WeakMap<StructSchema, Fill | undefined>()

function fillOf(schema: StructSchema): Fill | undefined {
  if (fills.has(schema)) return fills.get(schema)
  fills.set(schema, undefined)
  const all: Step[] = []
  for (const [name, field] of schema.fields) {
    const step = stepOf(`${schema.name}.${name}`, name, field)
    if (step !== undefined) all.push(step)
  }
  const always = all.filter(step => step.isStruct || step.zero !== undefined)
  const present = new Map(all.filter(step => !always.includes(step)).map(step => [step.name, step]))
  const fill =
    all.length === 0 ? undefined : (value: Open, stored: boolean) => fillFields(value, always, present, stored)
  fills.set(schema, fill)
  return fill
}

function stepOf(path: string, name: string, field: Field): Step | undefined {
  const { schema, pointer, required } = field
  const holds = schema.type === 'list' || schema.type === 'map' ? schema.type : 'one'
  const held = schema.type === 'list' ? schema.items : schema.type === 'map' ? schema.values : schema
  const inner = held.type === 'struct' ? fillOf(held) : undefined
  const isLeft = required && (pointer || holds !== 'one') && !MAY_BE_EMPTY.has(path)
  const isStruct = !pointer && schema.type === 'struct'
  const zero = isLeft || isStruct ? undefined : unsetValue(field)
  // The group node has no defaults.
  const isResources = schema.goType === 'v1.ResourceList' && path !== 'node.v1.Overhead.podFixed'
  if (zero === undefined && !isStruct && inner === undefined && !isResources) return undefined
  return { name, zero, isStruct, emptyIsZero: zero === null && holds !== 'one', holds, isResources, inner }
}

/** Most fields are left out, and most of those that a struct may have are not there: of these only what is there is looked at. */
function fillFields(object: Open, always: readonly Step[], present: ReadonlyMap<string, Step>, stored: boolean): Open {
  let filled = object
  for (const step of always) {
    const value = object[step.name]
    const next = filledField(step, value, stored)
    if (next === value) continue
    if (filled === object) filled = { ...object }
    filled[step.name] = next
    if (next === null && value !== undefined && value !== null) noteEmpty(filled, step.name, value as never[])
  }
  if (present.size === 0) return filled
  for (const name in object) {
    const value = object[name]
    if (typeof value !== 'object') continue
    const step = present.get(name)
    if (step === undefined) continue
    const next = filledField(step, value, stored)
    if (next === value) continue
    if (filled === object) filled = { ...object }
    filled[name] = next
  }
  return filled
}

function filledField(step: Step, value: unknown, stored: boolean): unknown {
  const { inner } = step
  if (value === undefined || value === null) {
    if (step.isStruct) return inner === undefined ? {} : inner({}, stored)
    return step.zero === undefined ? value : step.zero
  }
  if (stored && step.emptyIsZero && isEmpty(value as object)) return null
  if (step.isResources) return roundedUp(value as Record<string, string>)
  if (inner === undefined) return value
  if (step.holds === 'one') return inner(value as Open, stored)
  const fill = (each: Open): Open => inner(each, stored)
  return step.holds === 'list' ? fillItems(value as Open[], fill) : fillValues(value as Record<string, Open>, fill)
}

/** As defaulting rounds them (pkg/apis/core/v1/defaults.go, SetDefaults_ResourceList). */
function roundedUp(amounts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  let rounded: Record<string, string> | undefined
  for (const name in amounts) {
    const amount = amounts[name]!
    if (!FINE.test(amount)) continue
    const quantity = parseQuantity(amount)
    if (quantity.scale >= -3) continue
    rounded ??= { ...amounts }
    rounded[name] = formatQuantity(milliQuantityOf(scaledQuantity(quantity, -3), quantity.format))
  }
  return rounded ?? amounts
}

/** What may be less than a thousandth, as it is written canonically. */
const FINE = /[nue-]/

function isEmpty(value: object): boolean {
  if (Array.isArray(value)) return value.length === 0
  for (const _ in value) return false
  return true
}

function fillItems(items: readonly Open[], inner: (item: Open) => Open): readonly Open[] {
  let filled: Open[] | undefined
  for (let index = 0; index < items.length; index++) {
    const item = items[index]!
    const next = inner(item)
    if (next === item) continue
    filled ??= [...items]
    filled[index] = next
  }
  return filled ?? items
}

function fillValues(map: Readonly<Record<string, Open>>, inner: (value: Open) => Open): Readonly<Record<string, Open>> {
  const filled = Object.fromEntries(Object.entries(map).map(([key, each]) => [key, inner(each)]))
  return Object.entries(filled).some(([key, each]) => each !== map[key]) ? filled : map
}
