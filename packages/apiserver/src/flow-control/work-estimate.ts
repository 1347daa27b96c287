/** How many seats a request takes (k8s.io/apiserver/pkg/util/flowcontrol/request). */
import type { RequestInfo } from '../filters/request-info.ts'
import { isTrue } from '../filters/request-info.ts'

export interface WorkEstimate {
  /** While it is executed. */
  readonly initialSeats: number
  /** Afterwards, while watchers are told. */
  readonly finalSeats: number
  /** How long that is, in milliseconds. */
  readonly finalDelay: number
  /** How many watches a write may concern; undefined for what is no write. */
  readonly watchers?: number
}

export const ONE_SEAT: WorkEstimate = { initialSeats: 1, finalSeats: 0, finalDelay: 0 }

/** What the estimates are made of. */
export interface WorkFacts {
  /** How many objects of a kind there are and how many bytes they have; `undefined` for what is not stored here. */
  stored(info: RequestInfo): { count: number; bytes: number } | undefined
  /** How many watches a write of this object may concern. */
  watchers(info: RequestInfo): number
}

const BYTES_PER_SEAT = 100_000
/** Lists are streamed from the cache: more than this is not in memory at once. */
const BYTES_AT_ONCE = 1_000_000
const MOST_LIST_SEATS = 100
const MOST_WRITE_SEATS = 10
const WATCHES_PER_SEAT = 10
/** Milliseconds for which each watcher takes its part of a seat. */
const EVENT_DELAY = 5

/** `most` is what the priority level allows one request; 0 for no limit of its own. */
export function estimateWork(info: RequestInfo, facts: WorkFacts, most: number): WorkEstimate {
  switch (info.verb) {
    case 'get':
      return ONE_SEAT
    case 'list':
      return listWork(info, facts, most)
    case 'watch':
      return sendsState(info) ? listWork(info, facts, most) : ONE_SEAT
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return info.isResourceRequest ? writeWork(info, facts, most) : ONE_SEAT
    default:
      return ONE_SEAT
  }
}

/** Whether a watch begins with the state: asked for, or as watches without a revision always did. */
function sendsState({ query }: RequestInfo): boolean {
  const revision = query.get('resourceVersion') ?? ''
  return isTrue(query.get('sendInitialEvents')) || revision === '' || revision === '0'
}

function listWork(info: RequestInfo, facts: WorkFacts, most: number): WorkEstimate {
  const stored = facts.stored(info)
  if (stored === undefined || stored.count === 0) return ONE_SEAT
  const limit = info.query.size === 0 ? 0 : Number(info.query.get('limit') ?? 0)
  const objects = info.name !== '' ? 1 : limit > 0 ? Math.min(limit, stored.count) : stored.count
  const bytes = Math.min((objects * stored.bytes) / stored.count, BYTES_AT_ONCE)
  const seats = clamp(Math.ceil(bytes / BYTES_PER_SEAT), most, MOST_LIST_SEATS)
  return seats === 1 ? ONE_SEAT : { initialSeats: seats, finalSeats: 0, finalDelay: 0 }
}

function writeWork(info: RequestInfo, facts: WorkFacts, most: number): WorkEstimate {
  // A token is no event.
  if (info.resource === 'serviceaccounts' && info.subresource === 'token') return ONE_SEAT
  const watchers = facts.watchers(info)
  if (watchers < WATCHES_PER_SEAT) return { ...ONE_SEAT, watchers }
  const wanted = Math.ceil(watchers / WATCHES_PER_SEAT)
  const seats = clamp(wanted, most, MOST_WRITE_SEATS)
  // The same work in fewer seats takes longer.
  return { initialSeats: 1, finalSeats: seats, finalDelay: (wanted * EVENT_DELAY) / seats, watchers }
}

function clamp(seats: number, most: number, limit: number): number {
  return Math.max(1, Math.min(seats, most === 0 ? limit : Math.min(most, limit)))
}
