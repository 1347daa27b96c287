/**
 * Other API servers of the cluster. While they are of several versions, or serve other groups, each passes on what it does not
 * serve and another one does, and says in its discovery what all of them serve (KEP-4020; k8s.io/apiserver/pkg/util/peerproxy).
 */
import { type Agent, request as httpsRequest } from 'node:https'
import { Leases } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import { StatusError, serviceUnavailableError } from '@canopus/apimachinery'
import {
  type Clock,
  type Counter,
  type Family,
  type Logger,
  type MetricsRegistry,
  type Random,
  randomInt,
  withTimeout,
} from '@canopus/base'
import { runWorkers, WorkQueue } from '@canopus/operator'
import { trusting } from '@canopus/platform'
import type { Store } from '@canopus/store'
import type { ProxyClient } from '../aggregation/extension-servers.ts'
import { identityHeaders } from '../aggregation/proxy-headers.ts'
import { agentOver, type Dialer } from '../egress/dial.ts'
import { type ApiResponse, header, textResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { ObjectReader } from '../security.ts'
import { type Backend, forward } from '../subresources/backend.ts'
import type { GroupDocument } from './merge-groups.ts'
import { OwnVersions } from './own-versions.ts'
import { livingPeers, type PeerAddress, parseAddress } from './peer-addresses.ts'

const IDENTITY = 'apiserver.kubernetes.io/identity'
/** On the identity lease: where others reach its server. */
export const PEER_ADDRESS = 'kubernetes.io/peer-advertise-address'
/** Says that a request has been passed on once; it is not again. */
const PROXIED = 'x-kubernetes-peer-proxied'
const DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const SELF = { name: 'system:apiserver', uid: 'system:apiserver', groups: ['system:authenticated'] }
const TIMEOUT = 10_000
const PASSED =
  "[ALPHA] Total number of requests that were proxied to a peer kube-apiserver because the local apiserver was not capable of serving it, broken down by 'group', 'version', and 'resource' indicating the GVR of the request. If all three are empty (\"\"), the request is a discovery request."

export interface PeersOptions {
  /** Authorities of the others' certificates, PEM. */
  readonly authorities: string
  /** With which they are called; asked for anew where it may have been renewed. */
  readonly proxyClient: () => ProxyClient | undefined
}

export interface PeersContext {
  readonly serverId: string
  readonly objects: ObjectReader
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: MetricsRegistry
  /** How they are reached; straight where missing. */
  readonly dial?: Dialer | undefined
}

/** What one server said of itself. */
interface Known {
  readonly resources: ReadonlySet<string>
  readonly groups: readonly GroupDocument[]
}

export class Peers {
  readonly #options: PeersOptions
  readonly #context: PeersContext
  readonly #queue: WorkQueue
  readonly #own: OwnVersions
  readonly #stopping = new AbortController()
  /** Servers by their identity, and which run of each was asked. */
  readonly #known = new Map<string, Known>()
  readonly #holders = new Map<string, string>()
  #agent: { client: ProxyClient | undefined; agent: Agent } | undefined
  readonly #passed: Family<Counter>
  #changed: () => void = () => {}
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: PeersOptions, context: PeersContext) {
    this.#options = options
    this.#context = context
    this.#queue = new WorkQueue({ clock: context.clock, initialBackoff: 50, maxBackoff: 30_000 })
    this.#own = new OwnVersions(context.clock)
    this.#passed = context.metrics.counter('apiserver_rerouted_request_total', PASSED, [
      ...['code', 'group', 'version', 'resource'],
    ])
  }

  /** Hears that what others serve has changed. */
  listen(changed: () => void): void {
    this.#changed = changed
  }

  /** Begins to follow the others. The caches must be filled. */
  start(): void {
    const { objects, logger } = this.#context
    const { signal } = this.#stopping
    const stops = [
      this.#own.follow(objects, () => this.#changed()),
      objects.onChange(Leases, ({ type, object }) => this.follow(object, type === 'deleted')),
    ]
    const reconcile = (name: string): Promise<undefined> => this.sync(name, signal)
    this.#running = runWorkers({ queue: this.#queue, logger, workers: 2, reconcile }, signal).then(() => {
      for (const stop of stops) stop()
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the API server is stopping'))
    this.#agent?.agent.destroy()
    await this.#running
  }

  private follow(lease: Lease, gone: boolean): void {
    if (!this.isPeer(lease)) return
    const { name } = lease.metadata
    const holder = gone ? undefined : lease.spec?.holderIdentity
    // Others ask once for each run of a server: what it serves does not change while it runs.
    if (holder !== undefined && this.#holders.get(name!) === holder) return
    if (holder === undefined) this.#holders.delete(name!)
    else this.#holders.set(name!, holder)
    this.#queue.add(name!)
  }

  private isPeer({ metadata: { name, namespace, labels } }: Lease): boolean {
    return namespace === 'kube-system' && labels?.[IDENTITY] === 'kube-apiserver' && name !== this.#context.serverId
  }

  private async sync(name: string, signal: AbortSignal): Promise<undefined> {
    if (!this.#holders.has(name)) {
      if (this.#known.delete(name)) this.#changed()
      return undefined
    }
    const address = await this.addressOf(name)
    if (address === undefined) throw new Error(`no address is known of the API server ${name}`)
    const groups = [...(await this.ask(address, '/api', signal)), ...(await this.ask(address, '/apis', signal))]
    this.#known.set(name, {
      resources: new Set(groups.flatMap(resourcesOf)),
      groups: groups.filter(({ metadata }) => (metadata.name ?? '') !== ''),
    })
    this.#changed()
    return undefined
  }

  /** Where the server is reached, as its lease says; nowhere once it is there no more. */
  private async addressOf(name: string): Promise<PeerAddress | undefined> {
    const { objects, store } = this.#context
    const lease = objects.get(Leases, name, 'kube-system')
    const address = parseAddress(lease?.metadata.annotations?.[PEER_ADDRESS] ?? '')
    return address !== undefined && (await livingPeers(store)).has(name) ? address : undefined
  }

  private agent(): Agent {
    const client = this.#options.proxyClient()
    if (this.#agent !== undefined && this.#agent.client?.cert === client?.cert) return this.#agent.agent
    this.#agent?.agent.destroy()
    const agent = agentOver(this.#context.dial, {
      keepAlive: true,
      servername: 'kubernetes.default.svc',
      ...trusting(this.#options.authorities),
      ...client,
    })
    this.#agent = { client, agent }
    return agent
  }

  private ask({ host, port }: PeerAddress, path: string, signal: AbortSignal): Promise<GroupDocument[]> {
    const headers = {
      accept: `${DISCOVERY};profile=nopeer,${DISCOVERY}`,
      [PROXIED]: 'true',
      ...identityHeaders(SELF),
    }
    const agent = this.agent()
    const work = (inner: AbortSignal): Promise<GroupDocument[]> =>
      new Promise((resolve, reject) => {
        const outgoing = httpsRequest({ host, port, path, agent, headers, signal: inner }, incoming => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            if (incoming.statusCode !== 200) reject(new Error(`discovery of ${host}:${port}: ${incoming.statusCode}`))
            else resolve(groupsIn(text))
          })
        })
        outgoing.on('error', reject)
        outgoing.end()
      })
    return withTimeout(this.#context.clock, TIMEOUT, `https://${host}:${port}${path}`, work, signal)
  }

  /** What each of the others serves, for discovery, by its identity. */
  groups(): Map<string, GroupDocument[]> {
    const counts = (group: GroupDocument, version: string): boolean =>
      !this.#own.has(`${group.metadata.name ?? ''}/${version}`)
    return new Map(
      [...this.#known].map(([name, { groups }]) => {
        const own = groups.map(each => ({
          ...each,
          versions: each.versions.filter(({ version }) => counts(each, version)),
        }))
        return [name, own.filter(({ versions }) => versions.length > 0)]
      }),
    )
  }

  /** Answers what this server does not serve and another one does; `undefined` for all else. */
  serve(call: Call): Promise<ApiResponse> | undefined {
    const able = this.ableTo(call)
    return able.length === 0 ? undefined : this.pass(call, able)
  }

  /** Where an upgrade goes that this server does not serve and another one does. */
  upgrade(call: Call): Promise<Backend> | undefined {
    const able = this.ableTo(call)
    return able.length === 0 ? undefined : this.backend(call, able)
  }

  private ableTo({ request, info: { group, version, resource } }: Call): string[] {
    if (this.#known.size === 0 || header(request.headers, PROXIED) === 'true') return []
    if (this.#own.has(`${group}/${version}`)) return []
    const key = `${group}/${version}/${resource}`
    return [...this.#known].filter(([, { resources }]) => resources.has(key)).map(([name]) => name)
  }

  private async backend({ request, user }: Call, able: readonly string[]): Promise<Backend> {
    const found = (await Promise.all(able.map(name => this.addressOf(name)))).filter(each => each !== undefined)
    if (found.length === 0) {
      throw serviceUnavailableError('Error getting ip and port info of the remote server while proxying')
    }
    const address = found[randomInt(this.#context.random, found.length)]!
    return {
      tls: true,
      ...address,
      path: request.query === '' ? request.path : `${request.path}?${request.query}`,
      agent: this.agent(),
      identity: { ...identityHeaders(user), [PROXIED]: 'true' },
    }
  }

  private async pass(call: Call, able: readonly string[]): Promise<ApiResponse> {
    const backend = await this.backend(call, able)
    try {
      const answer = await forward(call.request, backend)
      const { group, version, resource } = call.info
      this.#passed.with(String(answer.status), group, version, resource).add()
      return answer
    } catch (error) {
      if (error instanceof StatusError && error.code === 503) return textResponse(503, `${error.message}\n`)
      throw error
    }
  }
}

function resourcesOf({ metadata, versions }: GroupDocument): string[] {
  return versions.flatMap(({ version, resources = [] }) =>
    resources.map(({ resource }) => `${metadata.name ?? ''}/${version}/${resource}`),
  )
}

function groupsIn(text: string): GroupDocument[] {
  const { items = [] } = JSON.parse(text) as { items?: Partial<GroupDocument>[] }
  return items.map(({ metadata = {}, versions = [], ...rest }) => ({ ...rest, metadata, versions }))
}
