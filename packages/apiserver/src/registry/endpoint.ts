/** The verbs of one resource: from a request to the registry, and its result to an answer. */

import type { Kind } from '@canopus/api'
import {
  apiVersionOf,
  badRequestError,
  checkPathSegmentName,
  type DeleteOptions,
  goQuote,
  hasReason,
  type KubeObject,
  methodNotAllowedError,
  methodNotSupportedError,
  notFoundStatus,
  pathNotFoundError,
  type Status,
} from '@canopus/apimachinery'
import { carry } from '@canopus/client'
import { notePatch } from '../audit/note-patch.ts'
import type { AuditedKind } from '../audit/request-audit.ts'
import { inGetSpan } from '../cache/cache-spans.ts'
import type { ObjectVersion } from '../cache/object-version.ts'
import { decodeBody, decodeOptions, type ExpectedKind, rawBodyWith } from '../encoding/body.ts'
import type { ObjectEncoder } from '../encoding/encoder.ts'
import { type Encoders, encoderOf, formOf } from '../encoding/encoders.ts'
import { type Body, bytesOf, GivenBody } from '../encoding/given-body.ts'
import { checkRoute, negotiate, plainForm, type Transform } from '../encoding/negotiate.ts'
import {
  deleteOptions,
  listQuery,
  parseResourceVersion,
  refuseExport,
  type WriteOptions,
  writeOptions,
} from '../filters/options.ts'
import type { RequestInfo } from '../filters/request-info.ts'
import type { Route } from '../filters/routes.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Maybe } from '../security.ts'
import { serialized, written } from '../tracing/serialize-object.ts'
import { addEvent, currentSpan } from '../tracing/span.ts'
import { applyUpdate, checkPatchOptions, isApplyPatch } from './apply.ts'
import type { Call, WriteCall } from './call.ts'
import { createObject, matchNamespace } from './create.ts'
import { type DeleteResult, deleteObject } from './delete.ts'
import { removeEach } from './delete-collection.ts'
import { readBody, readBytes, storing } from './handler-events.ts'
import type { KindStore } from './kind-store.ts'
import { listObjects } from './list.ts'
import { managerOfAgent } from './owners.ts'
import { forgetsOwners, readPatch } from './patch.ts'
import { failureResponse, statusResponse } from './respond.ts'
import { selection } from './selection.ts'
import { matchName, type Update, updateObject } from './update.ts'
import { endingAtFirst, watchObjects } from './watch.ts'
import { inWatchListSpan } from './watch-spans.ts'

const ONE: readonly Transform[] = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList']
const MANY: readonly Transform[] = [...ONE]
const STREAM: readonly Transform[] = [...ONE]
/** What there is of the other alone. */
const MISFITS = new Map<readonly Transform[], Transform>([
  [ONE, 'PartialObjectMetadataList'],
  [MANY, 'PartialObjectMetadata'],
  [STREAM, 'PartialObjectMetadataList'],
])

/** Kinds whose DELETE answers the object itself rather than a Status (`ReturnDeletedObject` upstream). */
const RETURNS_DELETED = new Set([
  '/pods',
  '/podtemplates',
  '/services',
  '/serviceaccounts',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/resourcequotas',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/volumeattributesclasses',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/devicetaintrules',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourcepoolstatusrequests',
  'resource.k8s.io/resourceslices',
])

/** Replaces what DELETE does for a kind (namespaces are emptied before they go). */
export type DeleteVerb = (
  store: KindStore,
  call: WriteCall,
  namespace: string,
  name: string,
  options: DeleteOptions,
) => Promise<DeleteResult>

/** The old way to watch one object, which has to be in a namespace where the kind has them. */
const WATCH_OF_ONE = /^\/apis?(?:\/[^/]+){1,2}\/watch\/[^/]+\/[^/]+\/?$/

/** As options of a deletion are told of: upstream writes them in its internal version. */
const DELETE_OPTIONS = { apiVersion: 'meta.k8s.io/__internal', kind: 'DeleteOptions', message: '' }

export class Endpoint {
  readonly store: KindStore
  readonly kind: Kind
  readonly #encoders: Encoders
  readonly #expected: ExpectedKind
  readonly #delete: DeleteVerb
  readonly #audited: AuditedKind

  constructor(store: KindStore, encoders: Encoders, remove: DeleteVerb = deleteObject) {
    this.store = store
    this.kind = store.kind
    this.#encoders = encoders
    this.#delete = remove
    const { type, message, custom } = this.kind
    this.#expected = {
      apiVersion: apiVersionOf(type),
      kind: type.kind,
      message,
      ...(custom === undefined ? {} : { schema: custom.schema }),
    }
    const { strategy } = this.kind
    this.#audited = {
      ...this.#expected,
      complete: object => {
        if (object.metadata) strategy.default?.(object)
      },
    }
  }

  serve(call: Call): Maybe<ApiResponse> {
    const { verb } = call.info
    if (this.kind.deprecation !== undefined) call.warnings.push(this.kind.deprecation)
    if (!this.kind.type.verbs.includes(verb)) {
      if (this.kind.custom === undefined) throw methodNotAllowedError()
      throw methodNotSupportedError({ ...this.store.target(''), name: '' }, verb)
    }
    this.checkPlace(call)
    if (this.kind.custom === undefined) checkRoute(call.request.headers, verb === 'list' || verb === 'watch')
    switch (verb) {
      case 'get':
        return this.get(call)
      case 'list':
        return this.list(call)
      case 'watch':
        return this.watch(call)
      case 'create':
        return this.create(call)
      case 'update':
        return this.update(call)
      case 'patch':
        return this.patch(call)
      case 'delete':
        return this.delete(call)
      default:
        return this.deleteCollection(call)
    }
  }

  /** Collections take new objects, and objects everything else. Custom kinds have no routes that would say so. */
  private checkPlace({ info: { verb, name, namespace, path } }: Call): void {
    const custom = this.kind.custom !== undefined
    if (!custom && this.kind.type.namespaced && namespace === '' && WATCH_OF_ONE.test(path)) throw pathNotFoundError()
    if (!custom && name.includes('/')) throw pathNotFoundError()
    const [wrong] = name === '.' || name === '..' || name.includes('%') ? checkPathSegmentName(name) : []
    if (wrong !== undefined) throw badRequestError(`Name parameter invalid: ${goQuote(name)}: ${wrong}`)
    if ((verb === 'update' || verb === 'patch') && name === '')
      throw custom ? badRequestError('name must be provided') : methodNotAllowedError()
    if (verb === 'create' && name !== '' && !custom) throw methodNotAllowedError()
  }

  /** Of this kind, or of `kind` where the answer is a view of another. Throws StatusError 406, and 400 for parameters of the form. */
  encoder(call: Call, transforms: readonly Transform[] = ONE, kind: Kind = this.kind): ObjectEncoder {
    const { query } = call.info
    const pretty = query.size === 0 ? undefined : query.get('pretty')
    const { headers } = call.request
    const form = negotiate(headers, transforms, pretty, kind.custom === undefined, transforms === STREAM)
    const { as } = form
    if (as !== undefined && as === MISFITS.get(transforms)) return this.#encoders.misfit(kind, { ...form, as })
    return encoderOf(this.#encoders, kind, form, query)
  }

  /** The answer with one object. To a caller in this process it carries the object too. */
  respond(call: Call, encoder: ObjectEncoder, status: number, version: ObjectVersion): ApiResponse {
    const headers = { 'content-type': encoder.contentType }
    if (call.request.user === undefined)
      return { status, headers, body: written(formOf(encoder), () => encoder.answer(version), call) }
    const bodyLater = (): Uint8Array => {
      const body = encoder.one(version)
      if (encoder.value !== undefined) carry(body, () => encoder.value?.(version))
      return body
    }
    // How long what is read is, is measured.
    return call.info.verb === 'get' ? { status, headers, body: bodyLater() } : { status, headers, bodyLater }
  }

  /** At once where the cache is as new as the store, as it mostly is. */
  private get(call: Call): Maybe<ApiResponse> {
    const encoder = this.encoder(call)
    const { query, name } = call.info
    refuseExport(query)
    const resourceVersion = (query.size === 0 ? null : query.get('resourceVersion')) ?? ''
    addEvent('About to Get from storage')
    const namespace = this.scope(call.info.namespace)
    const version =
      currentSpan() === undefined
        ? this.read(namespace, name, resourceVersion)
        : inGetSpan(this.store.cache.keyOf(namespace, name), resourceVersion, () =>
            this.read(namespace, name, resourceVersion),
          )
    const found = (version: ObjectVersion | undefined): ApiResponse => {
      // Answered rather than thrown, which would cost as much again: kubectl asks for each object before it makes it.
      if (version === undefined) return failureResponse(call.request, notFoundStatus(this.store.target(name)))
      return this.respond(call, encoder, 200, version)
    }
    return version instanceof Promise ? version.then(found) : found(version)
  }

  /** What the cache shows once it is as new as it has to be. */
  private read(namespace: string, name: string, resourceVersion: string): Maybe<ObjectVersion | undefined> {
    const { cache } = this.store.context
    const fresh = resourceVersion ? this.store.atLeast(parseResourceVersion(resourceVersion)) : cache.fresh()
    return fresh instanceof Promise
      ? fresh.then(() => this.store.cached(namespace, name))
      : this.store.cached(namespace, name)
  }

  private async list(call: Call): Promise<ApiResponse> {
    const encoder = this.encoder(call, MANY)
    const query = listQuery(call.info.query, false)
    const namespace = this.collectionScope(call)
    const selected = selection(this.kind, namespace, query.labelSelector, query.fieldSelector)
    const { versions, metadata } = await listObjects(this.store, namespace, selected, query)
    return {
      status: 200,
      headers: { 'content-type': encoder.contentType },
      body: serialized(formOf(encoder), () => encoder.list(versions, metadata), call),
    }
  }

  private async watch(call: Call): Promise<ApiResponse> {
    const asked = this.encoder(call, STREAM)
    const { as } = formOf(asked)
    const encoder = as === 'PartialObjectMetadataList' ? this.#encoders.for(this.kind, plainForm(formOf(asked))) : asked
    const query = listQuery(call.info.query, true, this.store.context.watchLists)
    const namespace = this.collectionScope(call)
    const name = call.info.name === '' ? undefined : call.info.name
    const selected = selection(this.kind, namespace, query.labelSelector, query.fieldSelector, name)
    const response = await inWatchListSpan(call, query, encoder, listed =>
      watchObjects(this.store, namespace, selected, query, encoder, () => {
        listed()
        call.begun?.()
      }),
    )
    return encoder === asked ? response : endingAtFirst(response)
  }

  private async create(call: Call): Promise<ApiResponse> {
    const encoder = this.encoder(call)
    const { options, write } = writeCallOf(call, 'CreateOptions')
    const body = await readBody(call.request)
    noteSize(call, body)
    const object = decodeBody(body, call.request.headers, this.#expected, options.fieldValidation, call.warnings)
    call.audit?.requestObject(object, this.#audited)
    const namespace = this.scope(call.info.namespace)
    const version = await storing(body, () => createObject(this.store, write, namespace, object))
    return this.respond(call, encoder, 201, version)
  }

  private async update(call: Call): Promise<ApiResponse> {
    const encoder = this.encoder(call)
    const { options, write } = writeCallOf(call, 'UpdateOptions')
    const body = await readBody(call.request)
    noteSize(call, body)
    const warnings = [...call.warnings]
    const decode = (into: string[]): KubeObject => {
      const object = decodeBody(body, call.request.headers, this.#expected, options.fieldValidation, into)
      const unsaid = object.metadata?.managedFields === undefined
      if (unsaid && forgetsOwners(rawBodyWith('managedFields', body, call.request.headers))) {
        object.metadata.managedFields = []
      }
      return object
    }
    let first: KubeObject | undefined = decode(call.warnings)
    call.audit?.requestObject(first, this.#audited)
    matchNamespace(this.store, this.scope(call.info.namespace), first.metadata)
    matchName(first, call.info.name)
    return this.change(call, write, encoder, body, {
      mayCreate: this.kind.strategy.allowCreateOnUpdate === true && write.subresource === '',
      produce: async current => {
        if (current === undefined) await call.authorize('create')
        const object = first ?? decode(warnings)
        first = undefined
        return object
      },
    })
  }

  private async patch(call: Call): Promise<ApiResponse> {
    const encoder = this.encoder(call)
    const { options, write } = writeCallOf(call, 'PatchOptions')
    const body = await readBody(call.request)
    noteSize(call, body)
    const { headers } = call.request
    notePatch(call, body, this.#expected)
    if (isApplyPatch(headers)) return this.change(call, write, encoder, body, this.applying(call, write, options, body))
    const apply = readPatch(body, headers, this.#expected, options.fieldValidation, call.warnings)
    return this.change(call, write, encoder, body, {
      unconditional: true,
      patched: true,
      produce: current => apply(current!),
    })
  }

  private applying(call: Call, write: WriteCall, options: WriteOptions, body: Body): Update {
    return applyUpdate({ store: this.store, kind: this.#expected, write, options }, call, bytesOf(body))
  }

  /** Updates the object or one of its subresources that has the same shape (`status`, `finalize`, ...). */
  private async change(
    call: Call,
    write: WriteCall,
    encoder: ObjectEncoder,
    body: Body,
    update: Update,
  ): Promise<ApiResponse> {
    const { namespace, name, verb } = call.info
    const work = () => updateObject(this.store, write, this.scope(namespace), name, update)
    const { version, created } = await (verb === 'patch' ? work() : storing(body, work))
    if (verb === 'patch') addEvent('Object stored in database')
    return this.respond(call, encoder, created ? 201 : 200, version)
  }

  /** GET, PUT and PATCH of a subresource that is a view of the same object. */
  async serveView(call: Call, own: Pick<Update, 'prepare' | 'validate'> = {}): Promise<ApiResponse> {
    if (call.info.verb === 'get') return this.get(call)
    const encoder = this.encoder(call)
    const patch = call.info.verb === 'patch'
    const { options, write } = writeCallOf(call, patch ? 'PatchOptions' : 'UpdateOptions')
    const body = await readBody(call.request)
    noteSize(call, body)
    const { headers } = call.request
    if (patch) notePatch(call, body, this.#expected)
    if (patch && isApplyPatch(headers)) {
      return this.change(call, write, encoder, body, { ...own, ...this.applying(call, write, options, body) })
    }
    if (patch) {
      const isStatus = call.info.subresource === 'status' && own.prepare === undefined
      const apply = readPatch(body, headers, this.#expected, options.fieldValidation, call.warnings, isStatus)
      return this.change(call, write, encoder, body, {
        ...own,
        unconditional: true,
        patched: true,
        produce: old => apply(old!),
      })
    }
    const decode = (into: string[]): KubeObject =>
      decodeBody(body, headers, this.#expected, options.fieldValidation, into)
    let first: KubeObject | undefined = decode(call.warnings)
    call.audit?.requestObject(first, this.#audited)
    matchNamespace(this.store, this.scope(call.info.namespace), first.metadata)
    matchName(first, call.info.name)
    const produce = (): KubeObject => {
      const object = first ?? decode([])
      first = undefined
      return object
    }
    return this.change(call, write, encoder, body, { ...own, produce })
  }

  private async delete(call: Call): Promise<ApiResponse> {
    const encoder = this.encoder(call)
    const { options, write } = await this.deleteCall(call)
    this.warnOfDependents(call, options)
    const { namespace, name } = call.info
    addEvent('About to delete object from database')
    const result = await this.#delete(this.store, write, this.scope(namespace), name, options)
    addEvent('Object deleted from database')
    return this.deleted(call, encoder, options, result)
  }

  private deleted(call: Call, encoder: ObjectEncoder, options: DeleteOptions, result: DeleteResult): ApiResponse {
    const { version, gone } = result
    const waits = !gone && options.orphanDependents === false
    const { group, plural } = this.kind.type
    if (!gone || RETURNS_DELETED.has(`${group}/${plural}`))
      return this.respond(call, encoder, waits ? 202 : 200, version)
    const details = {
      name: version.name,
      ...(group === '' ? {} : { group }),
      kind: plural,
      uid: version.object.metadata.uid,
    }
    const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
    return statusResponse(call.request, 200, status)
  }

  private warnOfDependents({ warnings }: Call, { orphanDependents, propagationPolicy }: DeleteOptions): void {
    const { deleteWarning } = this.kind.strategy
    if (deleteWarning === undefined || orphanDependents !== undefined || propagationPolicy !== undefined) return
    warnings.push(deleteWarning)
  }

  private async deleteCollection(call: Call): Promise<ApiResponse> {
    const encoder = this.encoder(call, MANY)
    const query = listQuery(call.info.query, false)
    const namespace = this.collectionScope(call)
    const selected = selection(this.kind, namespace, query.labelSelector, query.fieldSelector)
    const { options, write } = await this.deleteCall(call)
    this.warnOfDependents(call, options)
    const { versions, metadata } = await listObjects(this.store, namespace, selected, query)
    const remove = async (version: ObjectVersion, decided: () => void): Promise<void> => {
      const one: WriteCall = { ...write, collection: true, decided }
      try {
        await this.#delete(this.store, one, version.namespace, version.name, options)
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
    }
    // Told are the objects as they were listed.
    await removeEach(versions, this.store.context.deleteWorkers ?? 1, remove)
    return {
      status: 200,
      headers: { 'content-type': encoder.contentType },
      body: written(formOf(encoder), () => encoder.list(versions, metadata), call),
    }
  }

  async deleteCall(call: Call): Promise<{ options: DeleteOptions; write: WriteCall }> {
    const body = await readBytes(call.request)
    call.bodyRead?.(body.byteLength)
    const expected = { apiVersion: 'v1', kind: 'DeleteOptions', message: 'am.apis.meta.v1.DeleteOptions' }
    const given = body.byteLength === 0 ? undefined : decodeDeleteOptions(body, call, expected)
    const options = deleteOptions(call.info.query, given)
    const dryRun = (options.dryRun ?? []).length > 0
    const isOne = call.info.verb === 'delete'
    if (given !== undefined) {
      if (isOne) addEvent('Decoded delete options')
      call.audit?.requestObject(given, DELETE_OPTIONS)
      if (isOne) addEvent('Recorded the audit event')
    }
    const { user, warnings, audit } = call
    return { options, write: { user, dryRun, options, subresource: '', warnings, audit, timing: call } }
  }

  /** Cluster-scoped objects live in the namespace ''. */
  scope(namespace: string): string {
    return this.kind.type.namespaced ? namespace : ''
  }

  /** `undefined` for all namespaces. */
  private collectionScope(call: Call): string | undefined {
    if (!this.kind.type.namespaced) return ''
    return call.info.namespace === '' ? undefined : call.info.namespace
  }
}

/** What comes as a value has no size: nobody wrote it down. */
function noteSize(call: Call, body: Body): void {
  if (!(body instanceof GivenBody)) call.bodyRead?.(body.byteLength)
}

/** DeleteOptions may say to be of `v1`, of `meta.k8s.io/v1` or of the resource's own group. */
function decodeDeleteOptions(
  body: Uint8Array,
  call: Call,
  expected: { apiVersion: string; kind: string; message: string },
): DeleteOptions {
  const { group, version } = call.info
  const candidates = ['meta.k8s.io/v1', 'v1', apiVersionOf({ group, version })]
  let failure: unknown
  for (const apiVersion of candidates) {
    try {
      return decodeOptions<DeleteOptions>(body, call.request.headers, { ...expected, apiVersion }, 'Ignore', [])
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}

/** How a write is to be done, by the query of its request; `kind` is that of its options. Throws StatusError. */
export function writeCallOf(call: Call, kind: string): { options: ReturnType<typeof writeOptions>; write: WriteCall } {
  const { options, told } = askedOf(call.info, kind)
  if (kind === 'PatchOptions') checkPatchOptions(call.request.headers, options)
  const write: WriteCall = {
    user: call.user,
    dryRun: options.dryRun,
    options: told,
    subresource: call.info.subresource,
    verb: call.info.verb,
    deadline: call.deadline,
    manager: options.fieldManager || managerOfAgent(call.request.headers),
    warnings: call.warnings,
    audit: call.audit,
    timing: call,
  }
  return { options, write }
}

/** What a query asks of a write, and how admission is told. */
interface Asked {
  readonly kind: string
  readonly options: ReturnType<typeof writeOptions>
  readonly told: WriteCall['options']
}

const askedByRoute = new WeakMap<Route, Asked>()

/** Throws StatusError. */
function askedOf({ query, route }: RequestInfo, kind: string): Asked {
  const known = route && askedByRoute.get(route)
  if (known?.kind === kind) return known
  const options = writeOptions(query, kind)
  const told = {
    kind,
    apiVersion: 'meta.k8s.io/v1',
    ...(options.dryRun ? { dryRun: ['All'] } : {}),
    ...(options.fieldManager === '' ? {} : { fieldManager: options.fieldManager }),
    fieldValidation: options.fieldValidation,
  }
  const asked = { kind, options, told }
  if (route !== undefined) askedByRoute.set(route, asked)
  return asked
}
