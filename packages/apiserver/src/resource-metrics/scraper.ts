/** Asks the kubelets what their pods use, again and again. */
import { type Agent, get } from 'node:https'
import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { type Clock, type Logger, sleep } from '@canopus/base'
import { agentOver, type Dialer } from '../egress/dial.ts'
import type { ObjectReader } from '../security.ts'
import { type KubeletCredentials, kubeletAddress, kubeletTls } from '../subresources/node-address.ts'
import { readResourceMetrics, type Scrape } from './exposition.ts'
import type { Figures } from './figures.ts'

/** How often, as metrics-server's manifests have it, and how long a kubelet may take; milliseconds. */
const PERIOD = 15_000
const TIMEOUT = 10_000
/** Kubelets that are asked at the same time. */
const PARALLEL = 20
/** An answer of a node with all the pods it may have is far smaller. */
const LARGEST = 64 * 1024 * 1024

/**
 * What nodes use that name no port of a kubelet, such as simulated ones: as their kubelets would tell it at the moment `now`, or nothing
 * where nobody would answer.
 */
export type NodeMetrics = (node: Node, now: number) => Scrape | undefined

export interface ScraperOptions {
  readonly objects: ObjectReader
  readonly clock: Clock
  readonly logger: Logger
  readonly figures: Figures
  /** The body of `/metrics/resource` of a node's kubelet. */
  read(node: Node, signal: AbortSignal): Promise<string>
  readonly nodeMetrics?: NodeMetrics
}

/** Asks until the signal aborts. Nodes that name no port of a kubelet have none: they are told of by `nodeMetrics`. */
export async function scrapeNodes(options: ScraperOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await scrapeOnce(options, signal)
    await sleep(options.clock, PERIOD, signal).catch(() => {})
  }
}

async function scrapeOnce(options: ScraperOptions, signal: AbortSignal): Promise<void> {
  const { objects, clock, logger, figures, read, nodeMetrics } = options
  const answered = new Set<string>()
  const take = (name: string, scrape: Scrape): void => {
    answered.add(name)
    figures.take(name, scrape)
  }
  const kubelets: Node[] = []
  for (const node of objects.list(Nodes)) {
    if (node.status?.daemonEndpoints?.kubeletEndpoint?.Port) kubelets.push(node)
    else {
      const scrape = nodeMetrics?.(node, clock.now())
      if (scrape !== undefined) take(node.metadata.name, scrape)
    }
  }
  const waiting = kubelets[Symbol.iterator]()
  const worker = async (): Promise<void> => {
    for (const node of waiting) {
      if (signal.aborted) return
      const { name } = node.metadata
      try {
        const text = await read(node, signal)
        take(name, readResourceMetrics(text, clock.now()))
      } catch (error) {
        if (!signal.aborted) logger.debug('a kubelet could not be asked for its metrics', { node: name, error })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, kubelets.length) }, worker))
  figures.keep(answered)
}

/** Asks kubelets over HTTPS, as the API server asks them for logs. */
export function createKubeletReader(
  objects: ObjectReader,
  credentials: KubeletCredentials,
  dial?: Dialer,
): ScraperOptions['read'] & { close(): void } {
  let agent = agentWith(credentials, dial)
  const read = (node: Node, signal: AbortSignal): Promise<string> => {
    // The certificate is renewed now and then; its successor needs connections of its own.
    if (agent.options.cert !== credentials.cert) agent = agentWith(credentials, dial)
    const { host, port } = kubeletAddress(objects, node.metadata.name, credentials)
    return body(agent, host, port, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]))
  }
  return Object.assign(read, { close: () => agent.destroy() })
}

function agentWith(credentials: KubeletCredentials, dial: Dialer | undefined): Agent {
  return agentOver(dial, {
    ...kubeletTls(credentials),
    rejectUnauthorized: credentials.ca !== undefined,
    keepAlive: true,
    maxFreeSockets: 1,
  })
}

function body(agent: Agent, host: string, port: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, host, port, path: '/metrics/resource', signal }, response => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > LARGEST) request.destroy(new Error('the answer is too long'))
        else chunks.push(chunk)
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'))
        else reject(new Error(`the kubelet answered with the status ${response.statusCode}`))
      })
    })
    request.on('error', reject)
  })
}
