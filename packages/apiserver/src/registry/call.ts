/** One request on its way through the registry. */
import type { CreateOptions, DeleteOptions, UpdateOptions } from '@canopus/apimachinery'
import type { RequestAudit } from '../audit/request-audit.ts'
import type { Latencies, Layer } from '../filters/latencies.ts'
import type { RequestInfo } from '../filters/request-info.ts'
import type { ApiRequest } from '../http/message.ts'
import type { Maybe, User } from '../security.ts'

/** Keeps account of where the time of a request goes. */
export interface Timing {
  /** Missing where most of it is not measured. */
  readonly latencies?: Latencies | undefined
  /** Notes what is always measured; milliseconds. */
  took?(layer: Layer, milliseconds: number): void
}

export interface Call extends Timing {
  readonly user: User
  readonly info: RequestInfo
  readonly request: ApiRequest
  /** Texts for `Warning` headers. */
  readonly warnings: string[]
  /** The trail of the request (`audit?.annotate(key, value)`); missing where nothing is audited. */
  readonly audit?: RequestAudit | undefined
  /** When the request has had its time, by the monotonic clock in milliseconds. */
  readonly deadline?: number
  /** Told how large the body is that a resource is changed by. */
  bodyRead?(bytes: number): void
  /** A watch calls this once it has sent what it begins with. */
  begun?(): void
  /** Asks for one more permission on the same resource. Throws StatusError 403. */
  authorize(verb: string): Maybe<void>
}

/** How a write is to be done. */
export interface WriteCall {
  readonly user: User
  readonly dryRun: boolean
  /** May be another request's too: never change it. */
  readonly options: CreateOptions | UpdateOptions | DeleteOptions
  /** Empty for the resource itself. */
  readonly subresource: string
  /** The verb of the request; missing for the server's own writes. */
  readonly verb?: string
  /** As of the request; missing for the server's own writes. */
  readonly deadline?: number | undefined
  /** Whether it is one of many objects that are deleted at once: admission is then told no name, as upstream does. */
  readonly collection?: boolean
  /** Who is to own the fields that the write sets. */
  readonly manager?: string
  readonly warnings: string[]
  /** The trail of the request; missing where nothing is audited, and for the server's own writes. */
  readonly audit?: RequestAudit | undefined
  /** As of the store's `WriteOptions`; creates say it, and deletions once no more than the last write is left. */
  readonly decided?: () => void
  /** Missing for the server's own writes. */
  readonly timing?: Timing
}

/** Does what the store is asked for, and notes how long that took. */
export const inStore = <T>({ timing }: Pick<WriteCall, 'timing'>, work: () => Promise<T>): Promise<T> =>
  timing?.latencies === undefined ? work() : Promise.resolve(timing.latencies.measure('etcd', work))
