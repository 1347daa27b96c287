/** The spans of upstream's storage, whatever the backend is (k8s.io/apiserver/pkg/storage/etcd3/store.go). */
import { messageOf } from '@canopus/base'
import { KeyExistsError, type ListOptions, RevisionMismatchError, type ValueAt } from '@canopus/store'
import { REGISTRY } from '../cache/watch-cache.ts'
import { type Span, type SpanAttributes, traced } from '../tracing/span.ts'

/** What is stored under a key: group, resource, and where it is a built-in one its kind. */
export type StoredResource = readonly [group: string, resource: string, kind?: string]

/** A key as spans have it: without what all keys begin with. */
export const shownKey = (key: string): string => (key.startsWith(REGISTRY) ? key.slice(REGISTRY.length - 1) : key)

/** The internal type of an object in Go; its package is called after the group. */
export function goTypeOf([group, , kind]: StoredResource): string {
  if (kind === undefined) return group.includes('.') ? '*unstructured.Unstructured' : ''
  const first = group.slice(0, group.includes('.') ? group.indexOf('.') : undefined)
  const isCore = group === '' || group === 'events.k8s.io'
  return `*${isCore ? 'core' : first === 'internal' ? 'apiserverinternal' : first}.${kind}`
}

const objectFacts = (span: Span, key: string, stored: StoredResource): SpanAttributes => ({
  'audit-id': span.request.auditId,
  key: shownKey(key),
  type: goTypeOf(stored),
  group: stored[0],
  resource: stored[1],
})

/** A call to the store that upstream has no span for; where the store is no server, this is what shows how long it took. */
export const inSpan = <T>(name: string, key: string, stored: StoredResource, call: () => Promise<T>): Promise<T> =>
  traced(name, 'client', parent => objectFacts(parent, key, stored), call)

export function listInSpan<T>(prefix: string, options: ListOptions | undefined, list: () => Promise<T>): Promise<T> {
  const { revision, limit = 0 } = options ?? {}
  const facts = ({ request }: Span): SpanAttributes => ({
    'audit-id': request.auditId,
    key: shownKey(prefix),
    resourceVersion: revision === undefined ? '' : String(revision),
    resourceVersionMatch: revision === undefined ? '' : 'Exact',
    limit,
    continue: '',
  })
  return traced('List(recursive=true) etcd3', 'client', facts, list)
}

/** A value did not get as far as the store, since it could not be brought into the form that it is stored in. */
export class NotTransformedError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
  }
}

type Write<T> = (value: ValueAt) => Promise<T>

/** `transforms`: the store brings values into another form, and says itself when it has. */
export function createInSpan<T>(
  key: string,
  stored: StoredResource,
  value: ValueAt,
  transforms: boolean,
  create: Write<T>,
): Promise<T> {
  const facts = (parent: Span): SpanAttributes => objectFacts(parent, key, stored)
  return traced('Create etcd3', 'client', facts, span => {
    if (span === undefined) return create(value)
    const encoding = new Encoding(span, value, transforms)
    return create(encoding.at).then(
      result => {
        span.event('Txn call succeeded')
        encoding.decoded()
        return result
      },
      error => {
        if (error instanceof KeyExistsError) span.event('Txn call succeeded')
        else if (!(error instanceof NotTransformedError)) {
          span.event('Txn call failed', { err: String((error as Error).message) })
        }
        throw error
      },
    )
  })
}

export function updateInSpan<T>(
  key: string,
  stored: StoredResource,
  value: ValueAt,
  transforms: boolean,
  update: Write<T>,
): Promise<T> {
  const facts = (parent: Span): SpanAttributes => objectFacts(parent, key, stored)
  return traced('GuaranteedUpdate etcd3', 'client', facts, span => {
    if (span === undefined) return update(value)
    span.event('initial value restored')
    const encoding = new Encoding(span, value, transforms)
    const written = update(encoding.at)
    const prepared = span.now()
    const committed = (): void => {
      span.event('Transaction prepared', undefined, prepared)
      span.event('Txn call completed')
      span.event('Transaction committed')
    }
    return written.then(
      result => {
        committed()
        encoding.decoded()
        return result
      },
      error => {
        if (error instanceof RevisionMismatchError) {
          committed()
          span.event('Retry value restored')
        } else if (!(error instanceof NotTransformedError)) {
          span.event('Transaction prepared', undefined, prepared)
          span.event('Txn call failed', { err: String((error as Error).message) })
        }
        throw error
      },
    )
  })
}

/** Notes what becomes of a value on its way into the store, the first time that it is asked for. */
class Encoding {
  readonly #span: Span
  readonly #value: ValueAt
  readonly #transforms: boolean
  #length: number | undefined

  constructor(span: Span, value: ValueAt, transforms: boolean) {
    this.#span = span
    this.#value = value
    this.#transforms = transforms
  }

  readonly at: ValueAt = revision => {
    if (this.#length !== undefined) return this.#value(revision)
    this.#span.event('About to Encode')
    const bytes = this.#value(revision)
    this.#length = bytes.byteLength
    this.#span.event('Encode succeeded', { len: this.#length })
    if (!this.#transforms) this.#span.event('TransformToStorage succeeded')
    return bytes
  }

  /** What was written is what is answered: it need not be read again. */
  decoded(): void {
    this.#span.event('decode succeeded', { len: this.#length ?? 0 })
  }
}
