/** What is told of a request (k8s.io/apiserver/pkg/apis/audit/v1, `Event`), and its two written forms. */
import type { Status } from '@canopus/apimachinery'

export type Level = 'None' | 'Metadata' | 'Request' | 'RequestResponse'
export type Stage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic'

export const LEVELS: readonly Level[] = ['None', 'Metadata', 'Request', 'RequestResponse']
export const STAGES: readonly Stage[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic']

export interface AuditUser {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export interface ObjectReference {
  resource?: string
  namespace?: string
  name?: string
  uid?: string
  apiGroup?: string
  apiVersion?: string
  resourceVersion?: string
  subresource?: string
}

/** The fields stand in the order in which they are written. */
export interface AuditEvent {
  readonly kind: 'Event'
  readonly apiVersion: 'audit.k8s.io/v1'
  level: Level
  readonly auditID: string
  stage: Stage
  readonly requestURI: string
  readonly verb: string
  user: AuditUser
  impersonatedUser?: AuditUser
  authenticationMetadata?: { readonly impersonationConstraint: string }
  readonly sourceIPs?: readonly string[]
  readonly userAgent?: string
  objectRef?: ObjectReference
  responseStatus?: Partial<Status>
  requestObject?: unknown
  responseObject?: unknown
  readonly requestReceivedTimestamp: string
  stageTimestamp: string
  annotations?: Readonly<Record<string, string>>
}

/** The event as it goes out, with what there is of it in the order of upstream's fields. */
export function eventOf(facts: AuditEvent): AuditEvent {
  const { objectRef, responseStatus, annotations } = facts
  const written = {
    kind: facts.kind,
    apiVersion: facts.apiVersion,
    level: facts.level,
    auditID: facts.auditID,
    stage: facts.stage,
    requestURI: facts.requestURI,
    verb: facts.verb,
    user: facts.user,
    impersonatedUser: facts.impersonatedUser,
    authenticationMetadata: facts.authenticationMetadata,
    sourceIPs: facts.sourceIPs,
    userAgent: facts.userAgent === '' ? undefined : facts.userAgent,
    objectRef: objectRef && { ...objectRef },
    responseStatus: responseStatus && { metadata: {}, ...responseStatus },
    requestObject: facts.requestObject,
    responseObject: facts.responseObject,
    requestReceivedTimestamp: facts.requestReceivedTimestamp,
    stageTimestamp: facts.stageTimestamp,
    annotations: annotations && sorted(annotations),
  }
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined)) as unknown as AuditEvent
}

function sorted(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).sort(([one], [other]) => (one < other ? -1 : 1)))
}

/** One line of text, as `--audit-log-format=legacy` writes it (pkg/audit/format.go). */
export function legacyLine(event: AuditEvent): string {
  const { user, impersonatedUser: as } = event
  const groups = user.username && user.groups?.length ? quotedList(user.groups) : '<none>'
  const fields: [string, string][] = [
    ['id', event.auditID],
    ['stage', event.stage],
    ['ip', event.sourceIPs?.[0] ?? '<unknown>'],
    ['method', event.verb],
    ['user', user.username || '<none>'],
    ['groups', groups],
    ['as', as?.username ?? '<self>'],
    ['asgroups', as?.groups === undefined ? '<lookup>' : quotedList(as.groups)],
    ['user-agent', event.userAgent ?? ''],
    ['namespace', event.objectRef?.namespace || '<none>'],
    ['uri', event.requestURI],
    ['response', String(event.responseStatus?.code ?? '<deferred>')],
  ]
  const time = event.requestReceivedTimestamp.replace(/\.?0+Z$/, 'Z')
  return `${time} AUDIT: ${fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ')}`
}

const quotedList = (texts: readonly string[]): string => texts.map(text => JSON.stringify(text)).join(',')

/** Wall time in milliseconds as MicroTime writes it. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z')
}
