/** What a kubelet says at `/metrics/resource`, in Prometheus' text form. */

/** CPU time in nanoseconds and memory in bytes, at a moment (milliseconds). */
export interface Point {
  readonly at: number
  readonly cpu: number
  readonly memory: number
}

export interface ContainerPoint extends Point {
  /** When it was started, in milliseconds; 0 where that is not told. */
  readonly startedAt: number
}

/** What a node and its pods have used when it was asked. */
export interface Scrape {
  readonly node: Point | undefined
  /** By `namespace/name`, then by container. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, ContainerPoint>>
}

type Draft = { -readonly [field in keyof ContainerPoint]?: ContainerPoint[field] }

const FIELDS: Readonly<
  Record<string, { of: 'node' | 'container'; field: 'cpu' | 'memory' | 'startedAt'; unit: number }>
> = {
  node_cpu_usage_seconds_total: { of: 'node', field: 'cpu', unit: 1e9 },
  node_memory_working_set_bytes: { of: 'node', field: 'memory', unit: 1 },
  container_cpu_usage_seconds_total: { of: 'container', field: 'cpu', unit: 1e9 },
  container_memory_working_set_bytes: { of: 'container', field: 'memory', unit: 1 },
  container_start_time_seconds: { of: 'container', field: 'startedAt', unit: 1000 },
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d+))?\s*$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/**
 * Reads the figures; what is no figure of a node or a container is left out, and so is whatever lacks CPU or memory. Samples
 * without a time of their own are of the moment `now`.
 */
export function readResourceMetrics(text: string, now: number): Scrape {
  const node: Draft = {}
  const pods = new Map<string, Map<string, Draft>>()
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', value, timestamp] = LINE.exec(line) ?? []
    const fact = Object.hasOwn(FIELDS, name) ? FIELDS[name]! : undefined
    const number = Number(value)
    if (fact === undefined || !Number.isFinite(number)) continue
    const draft = fact.of === 'node' ? node : containerDraft(pods, labels)
    if (draft === undefined) continue
    draft[fact.field] = number * fact.unit
    if (fact.field !== 'startedAt') draft.at = timestamp === undefined ? now : Number(timestamp)
  }
  return { node: complete(node), pods: completePods(pods) }
}

function containerDraft(pods: Map<string, Map<string, Draft>>, labels: string): Draft | undefined {
  const { namespace, pod, container } = labelsOf(labels)
  if (!namespace || !pod || !container) return undefined
  const key = `${namespace}/${pod}`
  const containers = pods.get(key) ?? new Map<string, Draft>()
  pods.set(key, containers)
  const draft = containers.get(container) ?? {}
  containers.set(container, draft)
  return draft
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (const [, name, value] of text.matchAll(LABEL)) {
    labels[name!] = value!.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
  }
  return labels
}

function complete({ at, cpu, memory, startedAt = 0 }: Draft): ContainerPoint | undefined {
  return at === undefined || cpu === undefined || memory === undefined ? undefined : { at, cpu, memory, startedAt }
}

/** A pod one of whose containers tells less than both figures is left out: its sum would be wrong. */
function completePods(pods: Map<string, Map<string, Draft>>): Scrape['pods'] {
  const result = new Map<string, ReadonlyMap<string, ContainerPoint>>()
  for (const [key, containers] of pods) {
    const whole = new Map<string, ContainerPoint>()
    for (const [name, draft] of containers) {
      const point = complete(draft)
      if (point !== undefined) whole.set(name, point)
    }
    if (whole.size === containers.size) result.set(key, whole)
  }
  return result
}
