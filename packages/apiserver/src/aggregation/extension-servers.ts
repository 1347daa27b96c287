/** Connections to extension API servers: one pool for each APIService, with the front proxy's certificate. */
import { type Agent, request as httpsRequest } from 'node:https'
import type { APIService } from '@canopus/api/apiregistration/v1'
import { type Clock, withTimeout } from '@canopus/base'
import { trusting } from '@canopus/platform'
import { agentOver, type Dialer } from '../egress/dial.ts'
import type { User } from '../security.ts'
import type { ServiceAddress, ServiceResolver } from '../webhook/service-resolver.ts'
import { identityHeaders } from './proxy-headers.ts'

/** The certificate by which extension servers know that a request comes from this API server; PEM. */
export interface ProxyClient {
  readonly cert: string
  readonly key: string
}

export interface ExtensionAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** The part of an APIService that decides how its server is reached. */
interface Reach {
  readonly fingerprint: string
  readonly agent: Agent
}

export class ExtensionServers {
  readonly #resolver: ServiceResolver
  readonly #proxyClient: () => ProxyClient | undefined
  readonly #clock: Clock
  readonly #dial: Dialer | undefined
  readonly #reaches = new Map<string, Reach>()

  constructor(resolver: ServiceResolver, proxyClient: () => ProxyClient | undefined, clock: Clock, dial?: Dialer) {
    this.#dial = dial
    this.#resolver = resolver
    this.#proxyClient = proxyClient
    this.#clock = clock
  }

  /** Where the APIService's server is now. Throws where it cannot be found. */
  address({ spec }: APIService): ServiceAddress {
    const { namespace = '', name = '', port = 443 } = spec.service ?? {}
    return this.#resolver.resolve(namespace, name, port)
  }

  /** The pool of connections to the APIService's server; a new one where its certificate or ours has changed. */
  agent(service: APIService): Agent {
    const name = service.metadata.name!
    const { caBundle, insecureSkipTLSVerify = false, service: reference } = service.spec
    const client = this.#proxyClient()
    const servername = `${reference?.name}.${reference?.namespace}.svc`
    const fingerprint = JSON.stringify([caBundle, insecureSkipTLSVerify, servername, client])
    const known = this.#reaches.get(name)
    if (known?.fingerprint === fingerprint) return known.agent
    known?.agent.destroy()
    const agent = agentOver(this.#dial, {
      keepAlive: true,
      maxFreeSockets: 25,
      servername,
      rejectUnauthorized: !insecureSkipTLSVerify,
      ...(caBundle ? trusting(Buffer.from(caBundle, 'base64')) : {}),
      ...client,
    })
    this.#reaches.set(name, { fingerprint, agent })
    return agent
  }

  /** Ends the connections of an APIService that is gone. */
  forget(name: string): void {
    this.#reaches.get(name)?.agent.destroy()
    this.#reaches.delete(name)
  }

  close(): void {
    for (const name of [...this.#reaches.keys()]) this.forget(name)
  }

  /**
   * GETs a document as `user`. Redirects are not followed. Rejects where no answer comes within `timeout` milliseconds.
   */
  get(
    service: APIService,
    path: string,
    user: User,
    headers: Readonly<Record<string, string>>,
    timeout: number,
    signal?: AbortSignal,
  ): Promise<ExtensionAnswer> {
    const { host, port } = this.address(service)
    const agent = this.agent(service)
    const work = (inner: AbortSignal): Promise<ExtensionAnswer> =>
      new Promise((resolve, reject) => {
        const options = { host, port, path, agent, headers: { ...headers, ...identityHeaders(user) }, signal: inner }
        const outgoing = httpsRequest(options, incoming => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () =>
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
          )
        })
        outgoing.on('error', reject)
        outgoing.end()
      })
    return withTimeout(this.#clock, timeout, `https://${host}:${port}${path}`, work, signal)
  }
}
