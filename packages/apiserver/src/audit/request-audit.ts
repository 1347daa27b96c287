/** The trail of one request: what is gathered while it is answered, and told at each stage (endpoints/filters/audit.go). */
import { writeZerosOf } from '@canopus/api'
import { type KubeObject, parseJson, type Status } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import type { Latencies } from '../filters/latencies.ts'
import type { RequestInfo } from '../filters/request-info.ts'
import { type ApiRequest, type ApiResponse, header, type StreamSink } from '../http/message.ts'
import type { AuditAnnotationLevel, Maybe, User } from '../security.ts'
import type { Auditor } from './auditor.ts'
import { type AuditEvent, type AuditUser, LEVELS, microTime, type Stage } from './event.ts'
import type { Verdict } from './policy.ts'
import { responseObject, statusOf, withoutManagedFields } from './response-object.ts'
import { sourceAddresses } from './source-addresses.ts'

const MAX_USER_AGENT = 1024
/** Milliseconds from which on it is told where the time went. */
const SLOW = 500
const LONG_RUNNING_SUBRESOURCES = new Set(['attach', 'exec', 'proxy', 'log', 'portforward'])

/** As what an object of a request is written. */
export interface AuditedKind {
  readonly apiVersion: string
  readonly kind: string
  /** Its message in the facts table; empty where there is none. */
  readonly message: string
  /** Gives it what decoding does: defaults and Go's zero values; only the latter where missing. */
  complete?(object: KubeObject): void
}

export class RequestAudit {
  readonly id: string
  /** Missing for watches, whose time is not measured. */
  readonly latencies: Latencies | undefined
  readonly #auditor: Auditor
  readonly #request: ApiRequest
  readonly #info: RequestInfo
  readonly #received: number
  readonly #annotations: Record<string, string> = {}
  #verdict: Verdict | undefined
  #event: AuditEvent | undefined
  #unauthenticated = false

  constructor(auditor: Auditor, request: ApiRequest, info: RequestInfo, id: string, latencies?: Latencies) {
    this.id = id
    this.latencies = latencies
    this.#auditor = auditor
    this.#request = request
    this.#info = info
    this.#received = auditor.clock.now()
  }

  /** Adds an annotation to the events that follow, where they are of `level` or more. The first value of a key stands. */
  annotate(key: string, value: string, level: AuditAnnotationLevel = 'Metadata'): void {
    if (level !== 'Metadata' && LEVELS.indexOf(this.#event?.level ?? 'None') < LEVELS.indexOf(level)) return
    this.#annotations[key] ??= value
  }

  /** It is known who asks, so the policy can be. Throws StatusError 500 where the event must be kept and cannot. */
  begin(user: User): Maybe<void> {
    this.decide(user)
    return this.#auditor.required(this.tell('RequestReceived'), this.#request)
  }

  /** Nobody knows who asks: then there is one event, with the answer. */
  unauthenticated(): void {
    this.#unauthenticated = true
    this.decide(undefined)
  }

  /** `constraint` is the verb of the constrained mode by which it was allowed. */
  impersonates(user: User, constraint?: string): void {
    if (this.#event === undefined) return
    this.#event.impersonatedUser = auditUser(user)
    if (constraint !== undefined) this.#event.authenticationMetadata = { impersonationConstraint: constraint }
  }

  /** Notes an object of the request's body, which stays the caller's, as its kind is written once it has been decoded. */
  requestObject(object: object, { apiVersion, kind, message, complete }: AuditedKind): void {
    const event = this.#event
    if (event === undefined) return
    this.refer(object as Partial<KubeObject>)
    if (event.level === 'Metadata') return
    const copy = Object.assign({ kind, apiVersion }, structuredClone(object), { kind, apiVersion })
    if (complete !== undefined) complete(copy as KubeObject)
    else if (message !== '') writeZerosOf(message, copy, false)
    event.requestObject = this.#verdict!.omitManagedFields ? withoutManagedFields(copy) : copy
  }

  /** Notes a patch as it came. */
  requestPatch(body: Uint8Array | string): void {
    if (this.#event === undefined || this.#event.level === 'Metadata') return
    try {
      this.#event.requestObject = parseJson(typeof body === 'string' ? body : Buffer.from(body).toString())
    } catch {
      // A patch that cannot be read is answered with an error, which tells enough.
    }
  }

  /**
   * Tells of the answer. What comes back is to be sent, once the events are kept where the mode asks for that. `isStatus`: it says
   * what went wrong, rather than being a document of whatever kind or somebody else's answer.
   */
  async respond(response: ApiResponse, isStatus = false): Promise<ApiResponse> {
    const event = this.#event
    if (event === undefined) return response
    this.noteAnswer(event, response, isStatus)
    if (this.#unauthenticated) {
      await this.tell('ResponseStarted')
      return response
    }
    if (this.isLongRunning()) await this.tell('ResponseStarted')
    if (response.stream === undefined) {
      await this.tell('ResponseComplete')
      return response
    }
    const { stream } = response
    const complete = (): void => void this.tell('ResponseComplete')
    return {
      ...response,
      stream: (sink: StreamSink) => {
        sink.onClose(complete)
        stream(sink)
      },
    }
  }

  /** The request failed in a way that nobody foresaw. */
  async panicked(error: unknown): Promise<void> {
    if (this.#event === undefined) return
    const message = `APIServer panic'd: ${messageOf(error)}`
    this.#event.responseStatus = { status: 'Failure', message, reason: 'InternalError', code: 500 }
    await this.tell('Panic')
    this.#event = undefined
  }

  /** The connection was handed over to another protocol; `onClose` tells when that ends. */
  async upgraded(code: number, onClose: (listener: () => void) => void): Promise<void> {
    if (this.#event === undefined) return
    this.#event.responseStatus = { code }
    await this.tell('ResponseStarted')
    onClose(() => void this.tell('ResponseComplete'))
  }

  private decide(user: User | undefined): void {
    const verdict = this.#auditor.evaluate(user, this.#info)
    this.#verdict = verdict
    if (verdict.level === 'None') return
    const { path, query, headers, connection } = this.#request
    const received = microTime(this.#received)
    this.#event = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: verdict.level,
      auditID: this.id,
      stage: 'RequestReceived',
      requestURI: query === '' ? path : `${path}?${query}`,
      verb: this.#info.verb,
      user: user === undefined ? {} : auditUser(user),
      sourceIPs: sourceAddresses(headers, connection.remoteAddress),
      userAgent: shortened(header(headers, 'user-agent') ?? ''),
      ...(this.#info.isResourceRequest ? { objectRef: reference(this.#info) } : {}),
      requestReceivedTimestamp: received,
      stageTimestamp: received,
    }
  }

  private tell(stage: Stage): Maybe<boolean> {
    const event = this.#event
    if (event === undefined || this.#verdict!.omitStages.has(stage)) return true
    event.stage = stage
    if (stage !== 'RequestReceived') event.stageTimestamp = microTime(this.#auditor.clock.now())
    if (stage === 'ResponseComplete') this.noteLatencies()
    const annotated = Object.keys(this.#annotations).length > 0
    return this.#auditor.tell(annotated ? { ...event, annotations: this.#annotations } : event)
  }

  private noteLatencies(): void {
    const total = this.#auditor.clock.now() - this.#received
    if (total <= SLOW) return
    for (const [key, value] of this.latencies?.annotations(total) ?? []) this.annotate(key, value)
  }

  private noteAnswer(event: AuditEvent, response: ApiResponse, isStatus: boolean): void {
    const { path, isResourceRequest, subresource } = this.#info
    const speaksObjects = isStatus || (isResourceRequest ? subresource !== 'proxy' : /^\/apis?(\/|$)/.test(path))
    const object = speaksObjects && mayMatter(event, response) ? responseObject(response) : undefined
    event.responseStatus = { ...boundedStatus(statusOf(object)), code: response.status }
    if (event.level !== 'RequestResponse' || object === undefined) return
    event.responseObject = this.#verdict!.omitManagedFields ? withoutManagedFields(object) : object
  }

  private isLongRunning(): boolean {
    const { verb, isResourceRequest, subresource } = this.#info
    return isResourceRequest && (verb === 'watch' || verb === 'proxy' || LONG_RUNNING_SUBRESOURCES.has(subresource))
  }

  /** Fills the reference with what the path did not tell. */
  private refer({ metadata }: Partial<KubeObject>): void {
    const reference = this.#event?.objectRef
    if (reference === undefined || !metadata) return
    const { namespace, name, uid, resourceVersion } = metadata
    for (const [field, value] of Object.entries({ namespace, name, uid, resourceVersion })) {
      if (value) reference[field as 'name'] ??= value
    }
  }
}

/** Whether the answer's object is needed: it may be a Status, or all of it is asked for. */
function mayMatter({ level, verb, objectRef }: AuditEvent, { status }: ApiResponse): boolean {
  if (level === 'RequestResponse' || status >= 400 || verb === 'delete') return true
  return verb === 'create' && (objectRef?.subresource !== undefined || objectRef?.resource === 'bindings')
}

function boundedStatus(status: Status | undefined): Partial<Status> {
  if (status === undefined) return {}
  const { status: outcome, message, reason, details } = status
  return {
    ...(outcome === undefined ? {} : { status: outcome }),
    ...(message === undefined ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
  }
}

function auditUser({ name, uid, groups, extra }: User): AuditUser {
  return {
    username: name,
    ...(uid ? { uid } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

function reference(info: RequestInfo): NonNullable<AuditEvent['objectRef']> {
  const { resource, namespace, name, group, version, subresource } = info
  return {
    resource,
    ...(namespace === '' ? {} : { namespace }),
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { apiGroup: group }),
    apiVersion: version,
    ...(subresource === '' ? {} : { subresource }),
  }
}

function shortened(agent: string): string {
  return agent.length > MAX_USER_AGENT ? `${agent.slice(0, MAX_USER_AGENT)}...TRUNCATED` : agent
}
