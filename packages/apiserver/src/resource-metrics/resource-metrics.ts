/**
 * The API metrics.k8s.io: what nodes and pods use now (`kubectl top`, autoscalers). Not stored; read from what the kubelets
 * said last. Behaviour: metrics-server pkg/api. An APIService with a Service takes its place (docs/adr/0018).
 */
import { Nodes, Pods } from '@canopus/api'
import {
  addQuantities,
  badRequestError,
  formatDuration,
  formatQuantity,
  formatTime,
  type KubeObject,
  matches,
  matchesFields,
  methodNotAllowedError,
  notFoundError,
  parseFieldSelector,
  parseLabelSelector,
  parseQuantity,
  type ResourceType,
  SelectorError,
} from '@canopus/apimachinery'
import type { Clock, Logger } from '@canopus/base'
import type { Dialer } from '../egress/dial.ts'
import { contentTypeOf, negotiate } from '../encoding/negotiate.ts'
import type { RequestInfo } from '../filters/request-info.ts'
import { type ApiResponse, textResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import { objectResponse } from '../registry/respond.ts'
import type { ObjectReader } from '../security.ts'
import type { KubeletCredentials } from '../subresources/node-address.ts'
import { Figures, type Measured, type Usage } from './figures.ts'
import { createKubeletReader, type NodeMetrics, scrapeNodes } from './scraper.ts'

export const METRICS_GROUP = 'metrics.k8s.io'
export const METRICS_VERSION = 'v1beta1'
const API_VERSION = `${METRICS_GROUP}/${METRICS_VERSION}`

const metricsType = (plural: string, singular: string, kind: string, namespaced: boolean): ResourceType => ({
  group: METRICS_GROUP,
  version: METRICS_VERSION,
  plural,
  singular,
  kind,
  listKind: `${kind}List`,
  namespaced,
  shortNames: [],
  categories: [],
  verbs: ['get', 'list'],
  subresources: {},
})

/** What discovery shows. */
export const RESOURCE_METRICS_TYPES: readonly ResourceType[] = [
  metricsType('nodes', '', 'NodeMetrics', false),
  metricsType('pods', '', 'PodMetrics', true),
]

export interface ResourceMetricsOptions {
  readonly objects: ObjectReader
  readonly clock: Clock
  readonly logger: Logger
  readonly kubelet: KubeletCredentials
  /** How kubelets are reached; straight where missing. */
  readonly dial?: Dialer | undefined
  /** Of nodes without a kubelet that can be asked; they have no figures where missing. */
  readonly nodeMetrics?: NodeMetrics
}

type Item = Record<string, unknown> & { metadata: Record<string, unknown> }

export class ResourceMetrics {
  readonly figures = new Figures()
  readonly #options: ResourceMetricsOptions
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(options: ResourceMetricsOptions) {
    this.#options = options
  }

  /** Begins to ask the kubelets. The caches must be filled. */
  start(): void {
    const { kubelet, ...options } = this.#options
    const read = createKubeletReader(options.objects, kubelet, options.dial)
    const loop = scrapeNodes({ ...options, figures: this.figures, read }, this.#stopping.signal)
    this.#running = loop.finally(() => read.close())
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the API server is stopping'))
    await this.#running
  }

  /** Answers a request for figures; `undefined` for all others. Throws StatusError. */
  serve({ info, request }: Call): ApiResponse | undefined {
    if (!info.isResourceRequest || info.group !== METRICS_GROUP || info.version !== METRICS_VERSION) return undefined
    const type = RESOURCE_METRICS_TYPES.find(each => each.plural === info.resource)
    if (type === undefined || info.subresource !== '' || (!type.namespaced && info.namespace !== '')) {
      return textResponse(404, '404 page not found\n')
    }
    if (!type.verbs.includes(info.verb)) {
      throw methodNotAllowedError()
    }
    const items = type.namespaced ? this.#pods(info) : this.#nodes(info)
    const table = negotiate(request.headers, ['Table'], info.query.get('pretty'))
    if (table.as === 'Table') {
      const text = `${JSON.stringify(tableOf(items))}\n`
      return { status: 200, headers: { 'content-type': contentTypeOf(table) }, body: Buffer.from(text) }
    }
    const answer =
      info.verb === 'get'
        ? { kind: type.kind, apiVersion: API_VERSION, ...items[0]! }
        : { kind: type.listKind, apiVersion: API_VERSION, metadata: {}, items }
    return objectResponse(request, 200, answer)
  }

  #nodes(info: RequestInfo): Item[] {
    const { objects } = this.#options
    const named = info.verb === 'get'
    const node = named ? objects.get(Nodes, info.name) : undefined
    const nodes = named ? (node ? [node] : []) : selected(info, objects.list(Nodes))
    const now = this.#now()
    const items = nodes.flatMap(each => {
      const found = this.figures.node(each.metadata.name)
      return found ? [{ ...headOf(each, found, now), usage: usageText(found.usage) }] : []
    })
    if (named && node === undefined) throw notFoundError({ group: '', resource: 'nodes', name: info.name })
    if (named && items.length === 0) {
      throw notFoundError({ group: METRICS_GROUP, resource: 'nodemetrics', name: info.name })
    }
    return items
  }

  #pods(info: RequestInfo): Item[] {
    const { objects } = this.#options
    const named = info.verb === 'get'
    const pod = named ? objects.get(Pods, info.name, info.namespace) : undefined
    const all = named ? (pod ? [pod] : []) : selected(info, objects.list(Pods, info.namespace || undefined))
    const now = this.#now()
    const items = all.flatMap(each => {
      const { name, namespace } = each.metadata
      const found = each.spec.nodeName && this.figures.pod(each.spec.nodeName, `${namespace}/${name}`)
      if (!found) return []
      const containers = [...found.containers].map(([container, usage]) => ({
        name: container,
        usage: usageText(usage),
      }))
      return [{ ...headOf(each, found, now), containers }]
    })
    if (named && pod === undefined) throw notFoundError({ group: '', resource: 'pods', name: info.name })
    if (named && items.length === 0) {
      throw notFoundError({ group: METRICS_GROUP, resource: 'podmetrics', name: `${info.namespace}/${info.name}` })
    }
    return items
  }

  #now(): string {
    return formatTime(this.#options.clock.now())
  }
}

/** `now` is what everything in the answer says to have been made at. */
function headOf({ metadata }: KubeObject, { at, window }: Measured, now: string): Item {
  const { name, namespace, labels } = metadata
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      creationTimestamp: now,
      ...(labels === undefined ? {} : { labels }),
    },
    timestamp: formatTime(at),
    window: formatDuration(window),
  }
}

/** Those that the request's selectors let through, by name. */
function selected<T extends KubeObject>({ query }: RequestInfo, objects: readonly T[]): T[] {
  try {
    const labels = parseLabelSelector(query.get('labelSelector') ?? '')
    const fields = parseFieldSelector(query.get('fieldSelector') ?? '')
    const field = ({ metadata }: T, name: string): string =>
      name === 'metadata.name' ? metadata.name : name === 'metadata.namespace' ? (metadata.namespace ?? '') : ''
    const isChosen = (each: T): boolean => fields.length === 0 || matchesFields(fields, name => field(each, name))
    return objects
      .filter(each => matches(labels, each.metadata.labels) && isChosen(each))
      .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  } catch (error) {
    if (error instanceof SelectorError) throw badRequestError(error.message)
    throw error
  }
}

const keyOf = ({ metadata: { name, namespace = '' } }: KubeObject): string => `${namespace}/${name}`

const usageText = ({ cpu, memory }: Usage): { cpu: string; memory: string } => ({
  cpu: formatQuantity({ mantissa: BigInt(cpu), scale: -9, format: 'DecimalSI' }),
  memory: formatQuantity({ mantissa: BigInt(Math.round(memory)), scale: 0, format: 'BinarySI' }),
})

function tableOf(items: readonly Item[]): unknown {
  const columns = ['Name', 'cpu', 'memory', 'Window']
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: {},
    columnDefinitions: columns.map((name, index) => ({
      name,
      type: 'string',
      format: index === 0 ? 'name' : '',
      description: '',
      priority: 0,
    })),
    rows: items.map(item => {
      const used = 'usage' in item ? (item.usage as Record<string, string>) : sumOf(item.containers as Contained[])
      const object = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: item.metadata }
      return { cells: [item.metadata.name, used.cpu, used.memory, item.window], object }
    }),
  }
}

interface Contained {
  usage: { cpu: string; memory: string }
}

function sumOf(containers: readonly Contained[]): Record<string, string> {
  const sum = (resource: 'cpu' | 'memory'): string =>
    formatQuantity(containers.map(each => parseQuantity(each.usage[resource])).reduce(addQuantities))
  return { cpu: sum('cpu'), memory: sum('memory') }
}
