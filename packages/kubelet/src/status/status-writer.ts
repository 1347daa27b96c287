import { isDeepStrictEqual } from 'node:util'
import { Pods } from '@canopus/api'
import type { Pod, PodStatus } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'

interface Entry {
  pod: Pod
  wanted: PodStatus
  /** The pod as the server last answered it. */
  known: Pod
  /** The status last written, and what the server made of it. */
  sent: { status: PodStatus; answered: PodStatus } | undefined
  writing: Promise<void> | undefined
}

const RETRY_AFTER = 500

/** Writes pod statuses: the newest of each pod, one write at a time per pod, nothing where nothing changed. */
export class StatusWriter {
  readonly #client: Client
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #entries = new Map<string, Entry>()

  constructor(client: Client, clock: Clock, logger: Logger) {
    this.#client = client
    this.#clock = clock
    this.#logger = logger
  }

  /** The status that was last asked to be written, also where the API does not have it yet. */
  wanted(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.wanted
  }

  /** Returns at once; the status is written soon. `pod` is the object that it was made from. */
  write(pod: Pod, status: PodStatus, signal: AbortSignal): void {
    const { uid } = pod.metadata
    const entry = this.#entries.get(uid)
    if (entry === undefined) {
      const fresh: Entry = { pod, wanted: status, known: pod, sent: undefined, writing: undefined }
      this.#entries.set(uid, fresh)
      this.#start(fresh, signal)
      return
    }
    entry.pod = pod
    entry.wanted = status
    if (isNewer(pod, entry.known)) entry.known = pod
    this.#start(entry, signal)
  }

  /** Resolves once the newest status of the pod is with the API, or the pod is gone there. */
  async settled(uid: string): Promise<void> {
    await this.#entries.get(uid)?.writing
  }

  forget(uid: string): void {
    this.#entries.delete(uid)
  }

  #start(entry: Entry, signal: AbortSignal): void {
    entry.writing ??= this.#run(entry, signal).finally(() => {
      entry.writing = undefined
    })
  }

  async #run(entry: Entry, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !isWritten(entry)) {
      try {
        const { resourceVersion } = entry.known.metadata
        const object: Pod = {
          ...entry.known,
          metadata: { ...entry.known.metadata, resourceVersion },
          status: entry.wanted,
        }
        const answer = await this.#client.resource(Pods).updateStatus(object, { signal })
        if (isNewer(answer, entry.known)) entry.known = answer
        entry.sent = { status: object.status!, answered: answer.status ?? {} }
      } catch (error) {
        if (signal.aborted) return
        if (!(await this.#recover(entry, error, signal))) return
      }
    }
  }

  /** Whether another try makes sense. */
  async #recover(entry: Entry, error: unknown, signal: AbortSignal): Promise<boolean> {
    const { name, namespace, uid } = entry.pod.metadata
    if (hasReason(error, 'NotFound')) return false
    try {
      if (hasReason(error, 'Conflict')) {
        const fresh = await this.#client
          .resource(Pods)
          .get(name, { signal, ...(namespace !== undefined && { namespace }) })
        entry.known = fresh
        return fresh.metadata.uid === uid
      }
      this.#logger.warn('a pod’s status could not be written', { pod: `${namespace}/${name}`, error })
      await sleep(this.#clock, RETRY_AFTER, signal)
      return true
    } catch (again) {
      if (hasReason(again, 'NotFound') || signal.aborted) return false
      this.#logger.warn('a pod could not be read', { pod: `${namespace}/${name}`, error: again })
      return sleep(this.#clock, RETRY_AFTER, signal).then(
        () => true,
        () => false,
      )
    }
  }
}

/** What the server keeps of a status is its business: the same one is not sent again as long as its version stands. */
function isWritten({ known, wanted, sent }: Entry): boolean {
  if (sameStatus(known.status, wanted)) return true
  return sent !== undefined && sameStatus(sent.status, wanted) && sameStatus(known.status, sent.answered)
}

function isNewer(a: Pod, b: Pod): boolean {
  const [left, right] = [a.metadata.resourceVersion, b.metadata.resourceVersion]
  return left.length === right.length ? left > right : left.length > right.length
}

/** Equal, apart from the order of conditions and from nulls, which the server writes for times that are not set. */
function sameStatus(a: PodStatus | undefined, b: PodStatus): boolean {
  return isDeepStrictEqual(normal(a ?? {}), normal(b))
}

function normal(status: PodStatus): unknown {
  const conditions = [...(status.conditions ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1))
  return JSON.parse(JSON.stringify({ ...status, conditions }, (_, value: unknown) => value ?? undefined))
}
