/** Keeps `metadata.managedFields` through every write (k8s.io/apiserver/pkg/endpoints/handlers, fieldManager.UpdateNoErrors). */
import { schemas } from '@canopus/api'
import {
  deepEqual,
  type FieldSet,
  formatTime,
  isReset,
  type KubeObject,
  type ManagedFieldsEntry,
  managersProblem,
  ownersOfNew,
  ownersOfUpdate,
  parseApiVersion,
  StatusError,
  type StructSchema,
  type Versions,
  type WriteScope,
} from '@canopus/apimachinery'
import { type Headers, header } from '../http/message.ts'
import type { Maybe } from '../security.ts'
import type { WriteCall } from './call.ts'
import { CustomVersions } from './custom-versions.ts'
import type { KindStore } from './kind-store.ts'

type Plain = Readonly<Record<string, unknown>>

const LONGEST_MANAGER = 128

/** Who writes where the request does not say: what the user agent names first, without what cannot be printed. */
export function managerOfAgent(headers: Headers): string {
  const agent = header(headers, 'user-agent') ?? ''
  const slash = agent.indexOf('/')
  const name = slash < 0 ? agent : agent.slice(0, slash)
  if (/^[\x20-\x7e]{0,128}$/.test(name)) return name
  let out = ''
  for (const character of name) {
    if (/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(character)) continue
    if (Buffer.byteLength(out) + Buffer.byteLength(character) > LONGEST_MANAGER) break
    out += character
  }
  return out
}

/**
 * Notes who owns the fields of a new object: as decoded and defaulted, before admission changes it. `sent` are owners that it names:
 * those that nobody can read, or that are to be forgotten, are as if it named none.
 */
export function trackCreate(
  store: KindStore,
  call: WriteCall,
  object: KubeObject,
  sent: readonly ManagedFieldsEntry[] | undefined,
): Maybe<void> {
  if (sent === undefined || isReset(sent) || managersProblem(sent) !== undefined) {
    setOwners(object, ownersOfNew(writeScope(store, call), object as unknown as Plain, call.manager ?? ''))
    return undefined
  }
  return track(store, call, object, {}, undefined, sent)
}

/** The same for what is answered and not stored, reviews and requests for tokens, as upstream does (endpoints/handlers/create.go). */
export function trackAnswer(
  { apiVersion, message }: { readonly apiVersion: string; readonly message: string },
  { subresource, manager = '' }: Pick<WriteCall, 'subresource' | 'manager'>,
  object: Partial<KubeObject>,
  now: number,
): void {
  object.metadata ??= {} as KubeObject['metadata']
  const scope: WriteScope = { schema: schemas.schemaOf(message), apiVersion, subresource, now: formatTime(now) }
  setOwners(object as KubeObject, ownersOfNew(scope, object as Plain, manager))
}

/** The same for a change; `sent` is what the request says about owners. */
export function trackUpdate(
  store: KindStore,
  call: WriteCall,
  object: KubeObject,
  old: KubeObject,
  sent: readonly ManagedFieldsEntry[] | undefined,
): Maybe<void> {
  const stored = old.metadata.managedFields
  const given = deepEqual(sent, stored) ? stored : sent
  return track(store, call, object, old as unknown as Plain, stored, given)
}

/** Nobody owns anything where it cannot be told who does. */
function track(
  store: KindStore,
  call: WriteCall,
  object: KubeObject,
  live: Plain,
  stored: ManagedFieldsEntry[] | undefined,
  sent: readonly ManagedFieldsEntry[] | undefined,
): Maybe<void> {
  const owners = withConversions(store, call, scope => {
    try {
      return ownersOfUpdate(scope, live, object as unknown as Plain, stored, sent, call.manager ?? '')
    } catch (error) {
      if (error instanceof StatusError) return undefined
      throw error
    }
  })
  return owners instanceof Promise ? owners.then(found => setOwners(object, found)) : setOwners(object, owners)
}

export function setOwners(object: KubeObject, owners: ManagedFieldsEntry[] | undefined): void {
  if (owners === undefined) delete object.metadata.managedFields
  else object.metadata.managedFields = owners
}

/**
 * Owners that nobody can read any more after admission become what they were, with a warning
 * (k8s.io/apimachinery/pkg/util/managedfields, fieldmanager/admission.go).
 */
export function repairOwners(call: WriteCall, object: KubeObject, before: ManagedFieldsEntry[] | undefined): void {
  const { managedFields } = object.metadata
  if (managedFields === before) return
  // Of a list with nothing in it nothing is stored.
  if (managedFields?.length === 0) setOwners(object, undefined)
  const problem = managersProblem(managedFields)
  if (problem === undefined) return
  call.warnings.push(
    '.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating ' +
      `admission controller; please fix your requests: ${problem}`,
  )
  setOwners(object, before)
}

/** Whether two lists of owners differ in nothing but their times. */
export function sameOwners(
  a: readonly ManagedFieldsEntry[] | undefined,
  b: readonly ManagedFieldsEntry[] | undefined,
): boolean {
  const timeless = (entries: readonly ManagedFieldsEntry[] = []): unknown =>
    entries.map(each => ({ ...each, time: '' }))
  return a === b || (a?.length === b?.length && deepEqual(timeless(a), timeless(b)))
}

/** The endpoint as apply sees it. */
function writeScope(store: KindStore, { subresource }: WriteCall, versions?: Versions): WriteScope {
  const { schema, filter } = rulesOf(store, subresource)
  // What is owned through a scale carries no time (managedfields/scalehandler.go, ToParent).
  const now = subresource === 'scale' ? undefined : store.now().now
  const scope = { schema, apiVersion: store.apiVersion, subresource, filter, now }
  return versions === undefined ? scope : { ...scope, versions }
}

type Rules = Pick<WriteScope, 'schema' | 'filter'>
const rules = new WeakMap<KindStore, Map<string, Rules>>()

/** What is the same for all writes through one endpoint. */
function rulesOf(store: KindStore, subresource: string): Rules {
  let known = rules.get(store)
  if (known === undefined) {
    known = new Map()
    rules.set(store, known)
  }
  let found = known.get(subresource)
  if (found === undefined) {
    found = { schema: schemaOf(store), filter: filterOf(store, subresource) }
    known.set(subresource, found)
  }
  return found
}

const schemaOf = ({ kind }: KindStore): StructSchema => kind.custom?.schema ?? schemas.schemaOf(kind.message)

/** An endpoint that does not write a part of the object gives nobody that part. */
function filterOf({ kind }: KindStore, subresource: string): Filter {
  const filter = partFilter(kind, subresource)
  const paths = kind.strategy.unowned?.[subresource]
  return paths === undefined ? filter : remembered(paths, fields => paths.reduce(without, filter(fields)))
}

function partFilter(kind: KindStore['kind'], subresource: string): Filter {
  if (subresource === 'status') return statusFilter(kind)
  return kind.type.subresources.status === undefined || subresource === 'approval' ? everything : withoutStatus
}

type Filter = (fields: FieldSet) => FieldSet

const everything = (fields: FieldSet): FieldSet => fields
const withoutStatus = (fields: FieldSet): FieldSet => {
  if (fields['f:status'] === undefined) return fields
  const { 'f:status': _, ...rest } = fields
  return rest
}
function statusFilter({ custom, strategy: { statusLeaves } }: KindStore['kind']): Filter {
  if (custom !== undefined || statusLeaves === 'metadata') return statusOnly
  if (statusLeaves === undefined) return statusAndMetadata
  return remembered(statusLeaves, fields =>
    statusLeaves.map(name => ['metadata', name]).reduce(without, statusAndMetadata(fields)),
  )
}

/** One filter for all writes of a kind, by what it leaves out: what owners lose and gain is remembered by it. */
function remembered(leaves: object, made: Filter): Filter {
  const filter = filters.get(leaves) ?? made
  filters.set(leaves, filter)
  return filter
}
const filters = new WeakMap<object, Filter>()

/** The fields without those of a path, and without parents that had no others and are not owned by themselves. */
function without(fields: FieldSet, [name, ...path]: readonly string[]): FieldSet {
  const element = `f:${name}`
  const { [element]: field, ...rest } = fields
  if (field === undefined) return fields
  if (path.length === 0) return rest
  const left = without(field, path)
  if (left === field) return fields
  const names = Object.keys(left)
  return names.length === 0 ? rest : { ...rest, [element]: names.length === 1 && names[0] === '.' ? {} : left }
}

const statusOnly = (fields: FieldSet): FieldSet => picked(fields, ['f:status'])
const statusAndMetadata = (fields: FieldSet): FieldSet => picked(fields, ['f:metadata', 'f:status'])

function picked(fields: FieldSet, elements: readonly string[]): FieldSet {
  return Object.fromEntries(elements.flatMap(each => (fields[each] === undefined ? [] : [[each, fields[each]]])))
}

/**
 * Works out who owns what. Managers may have written through other versions of the kind, and where a webhook converts its objects,
 * that is asked for what was missing, and the work is done again.
 */
export function withConversions<T>(store: KindStore, call: WriteCall, work: (scope: WriteScope) => T): Maybe<T> {
  if (store.kind.custom === undefined) return work(writeScope(store, call, builtInVersions(store)))
  const versions = new CustomVersions(store)
  const scope = writeScope(store, call, versions)
  return store.kind.custom.convert === undefined ? work(scope) : versions.asOftenAsNeeded(() => work(scope))
}

/**
 * The types of the core group and those of all other groups are known apart from each other (genericapiserver.go, getOpenAPIModels):
 * who wrote an Event through the one is forgotten by a write through the other.
 */
function builtInVersions(store: KindStore): Versions {
  const sibling = (apiVersion: string): KindStore | undefined =>
    apiVersion === store.apiVersion
      ? store
      : store.siblings.find(each => each.apiVersion === apiVersion && isCore(each) === isCore(store))
  return {
    schemaOf: apiVersion => {
      const found = sibling(apiVersion)
      return found === undefined ? undefined : schemaOf(found)
    },
    convert: (object, from, to) => {
      const [source, target] = [sibling(from), sibling(to)]
      if (source === undefined || target === undefined) return undefined
      // What is left of an object while it is pruned may lack what every stored one has.
      const whole = { ...object, metadata: object.metadata ?? {}, spec: object.spec ?? {} }
      const stored = source.stored(whole as unknown as KubeObject)
      const { storedAs } = target.kind
      return (storedAs === undefined ? stored : storedAs.fromStored(stored)) as unknown as Plain
    },
  }
}

const isCore = ({ kind }: KindStore): boolean => kind.type.group === ''

/** `group/version, Kind=kind` as Go prints it. */
export function kindText(apiVersion: string, kind: string): string {
  const { group, version } = parseApiVersion(apiVersion)
  return `${group}/${version}, Kind=${kind}`
}
