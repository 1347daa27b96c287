import { ServiceAccounts } from '@canopus/api'
import type { TokenRequest } from '@canopus/api/authentication/v1'
import type { Pod, ServiceAccountTokenProjection } from '@canopus/api/core/v1'
import type { Clock, Random } from '@canopus/base'
import type { Client } from '@canopus/client'

interface Token {
  text: string
  expiresAt: number
  /** From when on a new one is to be had. */
  renewAt: number
}

const DEFAULT_SECONDS = 3600
const LONGEST_KEPT = 24 * 3_600_000
const JITTER = 10_000

/** Tokens of pods' service accounts, renewed after four fifths of their life or a day (upstream pkg/kubelet/token). */
export class TokenCache {
  readonly #client: Client
  readonly #clock: Clock
  readonly #random: Random
  readonly #tokens = new Map<string, Token>()

  constructor(client: Client, clock: Clock, random: Random) {
    this.#client = client
    this.#clock = clock
    this.#random = random
  }

  /** A token bound to this pod. Where renewal fails, the old one as long as it is valid. Throws `StatusError`. */
  async get(pod: Pod, source: ServiceAccountTokenProjection): Promise<string> {
    const seconds = source.expirationSeconds ?? DEFAULT_SECONDS
    const key = [pod.metadata.uid, source.audience ?? '', seconds].join('/')
    const known = this.#tokens.get(key)
    const now = this.#clock.now()
    if (known !== undefined && now < known.renewAt) return known.text
    try {
      const token = await this.#request(pod, source.audience, seconds)
      this.#tokens.set(key, token)
      return token.text
    } catch (error) {
      if (known !== undefined && now < known.expiresAt) return known.text
      throw error
    }
  }

  forget(uid: string): void {
    for (const key of this.#tokens.keys()) if (key.startsWith(`${uid}/`)) this.#tokens.delete(key)
  }

  async #request(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<Token> {
    const { name, uid, namespace = '' } = pod.metadata
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience ? [audience] : [],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    }
    const account = pod.spec.serviceAccountName || 'default'
    const requestedAt = this.#clock.now()
    const answer = await this.#client
      .resource(ServiceAccounts)
      .subresource<TokenRequest>(account, 'token', body, { namespace, method: 'POST' })
    const expiresAt = Date.parse(answer.status!.expirationTimestamp)
    const life = expiresAt - requestedAt
    const renewAt = requestedAt + Math.min(LONGEST_KEPT, 0.8 * life) - this.#random.next() * Math.min(JITTER, life / 10)
    return { text: answer.status!.token, expiresAt, renewAt }
  }
}
