import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { SubjectAccessReviews, TokenReviews } from '@canopus/api'
import type { TokenReview } from '@canopus/api/authentication/v1'
import type { SubjectAccessReview } from '@canopus/api/authorization/v1'
import { type Clock, LruCache } from '@canopus/base'
import type { Client } from '@canopus/client'
import { HttpError } from './http-error.ts'

export interface User {
  name: string
  uid?: string
  groups: readonly string[]
}

const ALLOWED_FOR = 300_000
const DENIED_FOR = 30_000
const TOKEN_FOR = 120_000
const CACHE_SIZE = 1024

interface Remembered<T> {
  until: number
  value: T
}

/** Who asks, and may they: both are the API server's to say (upstream pkg/kubelet/server/auth.go). */
export class KubeletAuth {
  readonly #client: Client
  readonly #clock: Clock
  readonly #nodeName: string
  readonly #tokens = new LruCache<string, Remembered<User | undefined>>({ capacity: CACHE_SIZE })
  readonly #verdicts = new LruCache<string, Remembered<boolean>>({ capacity: CACHE_SIZE })

  constructor(client: Client, clock: Clock, nodeName: string) {
    this.#client = client
    this.#clock = clock
    this.#nodeName = nodeName
  }

  /** Throws `HttpError` 401 or 403. */
  async check(request: IncomingMessage): Promise<User> {
    const user = await this.#authenticate(request)
    if (user === undefined) throw new HttpError(401, 'Unauthorized')
    const verb = VERBS[request.method ?? 'GET'] ?? ''
    const subresource = subresourceOf(request.url ?? '/')
    if (await this.#allowed(user, verb, subresource)) return user
    throw new HttpError(
      403,
      `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresource}])\n`,
    )
  }

  async #authenticate(request: IncomingMessage): Promise<User | undefined> {
    const socket = request.socket as TLSSocket
    if (socket.authorized) {
      const { subject } = socket.getPeerCertificate()
      const groups = subject?.O === undefined ? [] : [subject.O].flat()
      if (subject?.CN) return { name: [subject.CN].flat()[0]!, groups: [...groups, 'system:authenticated'] }
    }
    const token = /^bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
    return token === undefined ? undefined : this.#review(token)
  }

  async #review(token: string): Promise<User | undefined> {
    const known = this.#tokens.get(token)
    if (known && known.until > this.#clock.monotonic()) return known.value
    const review = (await this.#client.resource(TokenReviews).create({ metadata: {}, spec: { token } })) as TokenReview
    const { authenticated, user } = review.status ?? {}
    const value =
      authenticated && user?.username
        ? { name: user.username, groups: user.groups ?? [], ...(user.uid !== undefined && { uid: user.uid }) }
        : undefined
    this.#tokens.set(token, { until: this.#clock.monotonic() + (value ? TOKEN_FOR : DENIED_FOR), value })
    return value
  }

  async #allowed(user: User, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([user, verb, subresource])
    const known = this.#verdicts.get(key)
    if (known && known.until > this.#clock.monotonic()) return known.value
    const review = (await this.#client.resource(SubjectAccessReviews).create({
      metadata: {},
      spec: {
        user: user.name,
        groups: [...user.groups],
        ...(user.uid !== undefined && { uid: user.uid }),
        resourceAttributes: { verb, version: 'v1', resource: 'nodes', subresource, name: this.#nodeName },
      },
    })) as SubjectAccessReview
    const value = review.status?.allowed === true
    this.#verdicts.set(key, { until: this.#clock.monotonic() + (value ? ALLOWED_FOR : DENIED_FOR), value })
    return value
  }
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** Under which part of the node a path is guarded. */
export function subresourceOf(url: string): string {
  const path = url.split('?')[0]!
  if (path.startsWith('/stats')) return 'stats'
  if (path.startsWith('/metrics')) return 'metrics'
  if (path.startsWith('/logs')) return 'log'
  return 'proxy'
}
