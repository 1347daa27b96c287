/**
 * Where figures come from: the APIs metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io. Behaviour:
 * kubernetes pkg/controller/podautoscaler/metrics/client.go, k8s.io/metrics/pkg/client.
 */
import { milliValue, parseDuration, parseTime } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { type Client, errorOf } from '@canopus/client'
import type { PodMetric, PodMetrics } from './replicas.ts'

/** Figures in thousandths. Everything throws where there is nothing to be had; the message says why. */
export interface MetricsSource {
  /** What pods use of a resource; of one container where it is named. */
  resource(query: { namespace: string; resource: string; container: string; selector: string }): Promise<PodMetrics>
  /** A figure of each pod. */
  pods(query: { namespace: string; metric: MetricName; selector: string }): Promise<PodMetrics>
  /** A figure of one object. */
  object(query: { namespace: string; metric: MetricName; object: DescribedObject }): Promise<number>
  /** Figures of something outside the cluster. */
  external(query: { namespace: string; metric: MetricName }): Promise<number[]>
}

export interface MetricName {
  name: string
  /** As text; empty for all. */
  selector: string
}

export interface DescribedObject {
  kind: string
  name: string
  /** `deployments.apps`, `services`: the resource as paths name it. */
  resource: string
}

interface ResourceMetrics {
  metadata: { name: string; namespace?: string }
  timestamp?: string
  window?: string
  containers?: { name: string; usage?: Record<string, string> }[]
}

interface MetricValue {
  describedObject?: { name?: string }
  timestamp?: string
  windowSeconds?: number
  value: string
}

/** What upstream takes for the window of a figure that tells none. */
const DEFAULT_WINDOW = 60_000
const CUSTOM_VERSIONS = ['v1beta2', 'v1beta1']

/** Reads figures through the API server. */
export function createMetricsSource(client: Client): MetricsSource {
  const custom = (path: string, query: Record<string, string>): Promise<MetricValue[]> =>
    wrapped('custom', async () => {
      for (const [index, version] of CUSTOM_VERSIONS.entries()) {
        const last = index === CUSTOM_VERSIONS.length - 1
        const items = await readItems<MetricValue>(client, `custom.metrics.k8s.io/${version}${path}`, query, !last)
        if (items !== undefined) return items
      }
      return []
    })
  return {
    async resource({ namespace, resource, container, selector }) {
      const path = `metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`
      const items = await wrapped('resource', () =>
        readItems<ResourceMetrics>(client, path, { labelSelector: selector }),
      )
      return container === '' ? ofPods(items, resource) : ofContainers(items, resource, container)
    },
    async pods({ namespace, metric, selector }) {
      const query = { labelSelector: selector, metricLabelSelector: metric.selector }
      const items = await custom(`/namespaces/${namespace}/pods/*/${encodeURIComponent(metric.name)}`, query)
      return new Map(items.map(item => [item.describedObject?.name ?? '', podMetricOf(item)]))
    },
    async object({ namespace, metric, object }) {
      const name = encodeURIComponent(metric.name)
      const path =
        object.resource === 'namespaces'
          ? `/namespaces/${encodeURIComponent(object.name)}/metrics/${name}`
          : `/namespaces/${namespace}/${object.resource}/${encodeURIComponent(object.name)}/${name}`
      const [first] = await custom(path, { metricLabelSelector: metric.selector })
      return milliValue(first!.value)
    },
    async external({ namespace, metric }) {
      const path = `external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${encodeURIComponent(metric.name)}`
      const items = await wrapped('external', () =>
        readItems<MetricValue>(client, path, { labelSelector: metric.selector }),
      )
      return items.map(item => milliValue(item.value))
    },
  }
}

type Api = 'resource' | 'custom' | 'external'

async function wrapped<T>(api: Api, read: () => Promise<T[] | undefined>): Promise<T[]> {
  let items: T[] | undefined
  try {
    items = await read()
  } catch (error) {
    const why = messageOf(error)
    throw new Error(`unable to fetch metrics from ${api} metrics API: ${why}`)
  }
  if (items === undefined || items.length === 0) throw new Error(`no metrics returned from ${api} metrics API`)
  return items
}

/** The items of a list; nothing where the path is not there and that is `optional`. */
async function readItems<T>(
  client: Client,
  path: string,
  query: Record<string, string>,
  optional = false,
): Promise<T[] | undefined> {
  const given = Object.entries(query).filter(([, value]) => value !== '')
  const text = given.length === 0 ? '' : `?${new URLSearchParams(given)}`
  const headers = { accept: 'application/json' }
  const response = await client.transport.send({ method: 'GET', path: `/apis/${path}${text}`, headers })
  if (response.status === 404 && optional) {
    await response.bytes()
    return undefined
  }
  if (response.status !== 200) throw await errorOf(response)
  const list = JSON.parse(new TextDecoder().decode(await response.bytes())) as { items?: T[] }
  return list.items ?? []
}

const podMetricOf = (item: MetricValue): PodMetric => ({
  value: milliValue(item.value),
  timestamp: parseTime(item.timestamp ?? '') ?? 0,
  window: item.windowSeconds === undefined ? DEFAULT_WINDOW : item.windowSeconds * 1000,
})

function timesOf({ timestamp, window }: ResourceMetrics): { timestamp: number; window: number } {
  return {
    timestamp: parseTime(timestamp ?? '') ?? 0,
    window: window === undefined ? DEFAULT_WINDOW : (parseDuration(window) ?? DEFAULT_WINDOW),
  }
}

/** Pods one of whose containers has no figure are left out. */
function ofPods(items: readonly ResourceMetrics[], resource: string): PodMetrics {
  const metrics = new Map<string, PodMetric>()
  for (const item of items) {
    const values = (item.containers ?? []).map(({ usage }) => usage?.[resource])
    if (values.length === 0 || values.includes(undefined)) continue
    const value = values.reduce((sum, each) => sum + milliValue(each!), 0)
    metrics.set(item.metadata.name, { value, ...timesOf(item) })
  }
  return metrics
}

function ofContainers(items: readonly ResourceMetrics[], resource: string, container: string): PodMetrics {
  const metrics = new Map<string, PodMetric>()
  for (const item of items) {
    const { name, namespace = '' } = item.metadata
    const found = item.containers?.find(each => each.name === container)
    if (found === undefined) {
      throw new Error(`container ${container} not present in metrics for pod ${namespace}/${name}`)
    }
    const value = found.usage?.[resource]
    if (value !== undefined) metrics.set(name, { value: milliValue(value), ...timesOf(item) })
  }
  return metrics
}
