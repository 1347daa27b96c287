/**
 * What does not depend on who asks: pages of other origins (CORS), strict transport security, clients that are to spread
 * over several servers, and a server that is going down (k8s.io/apiserver/pkg/server/filters).
 */
import { messageOf, type Random } from '@canopus/base'
import { RE2JS } from 're2js'
import { type ApiRequest, type ApiResponse, header, textResponse } from '../http/message.ts'
import type { ServingOptions } from './serving-options.ts'

const METHODS = 'POST, GET, OPTIONS, PUT, DELETE, PATCH'
const HEADERS =
  'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since'
/** Throws TypeError for what is no pattern of RE2. */
function originPattern(text: string): RE2JS {
  try {
    return RE2JS.compile(text)
  } catch (error) {
    throw new TypeError(`--cors-allowed-origins has an invalid regular expression: ${messageOf(error)}`)
  }
}

/** Asked for while the server goes down, and by itself. */
const SERVED_TO_THE_END = ['/readyz', '/livez', '/healthz', '/metrics']

export class Front {
  readonly #origins: readonly RE2JS[]
  readonly #hsts: string
  readonly #goawayChance: number
  readonly #random: Random
  /** New requests are turned away. */
  closed = false

  /** Throws where a pattern of origins is none. */
  constructor(options: ServingOptions, random: Random) {
    this.#origins = (options.corsAllowedOrigins ?? []).map(originPattern)
    this.#hsts = (options.strictTransportSecurity ?? []).join('; ')
    this.#goawayChance = options.goawayChance ?? 0
    this.#random = random
  }

  /** The answer where nobody needs to look at the request any further. */
  answer(request: ApiRequest): ApiResponse | undefined {
    if (this.closed && !this.isServedToTheEnd(request)) {
      return textResponse(429, 'The apiserver is shutting down, please try again later.\n', {
        'retry-after': '5',
        connection: 'close',
      })
    }
    if (this.#origins.length > 0 && request.method === 'OPTIONS' && this.allowedOrigin(request) !== undefined) {
      return { status: 204, headers: {} }
    }
    return undefined
  }

  /** Headers for every answer; the same object for all where nothing of this is configured. */
  headers(request: ApiRequest): Readonly<Record<string, string>> {
    if (this.#origins.length === 0 && this.#hsts === '' && this.#goawayChance === 0) return NONE
    const headers: Record<string, string> = {}
    const origin = this.#origins.length === 0 ? undefined : this.allowedOrigin(request)
    if (origin !== undefined) {
      headers['access-control-allow-origin'] = origin
      headers['access-control-allow-methods'] = METHODS
      headers['access-control-allow-headers'] = HEADERS
      headers['access-control-expose-headers'] = 'Date'
      headers['access-control-allow-credentials'] = 'true'
    }
    if (this.#hsts !== '') headers['strict-transport-security'] = this.#hsts
    if (request.http2 === true && this.#goawayChance > 0 && this.#random.next() < this.#goawayChance) {
      headers.connection = 'close'
    }
    return headers
  }

  private allowedOrigin({ headers }: ApiRequest): string | undefined {
    const origin = header(headers, 'origin')
    return origin && this.#origins.some(each => each.matcher(origin).find()) ? origin : undefined
  }

  private isServedToTheEnd({ path, user, headers }: ApiRequest): boolean {
    if (user !== undefined || SERVED_TO_THE_END.some(each => path.startsWith(each))) return true
    return header(headers, 'user-agent')?.startsWith('kube-apiserver/') === true
  }
}

const NONE: Readonly<Record<string, string>> = {}
