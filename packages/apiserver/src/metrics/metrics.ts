/** `/metrics` in Prometheus' text format, under the names that dashboards of Kubernetes know. */
import type { WatchCache } from '../cache/watch-cache.ts'
import type { RequestInfo } from '../filters/request-info.ts'

/** Upper bounds in seconds of `apiserver_request_duration_seconds`. */
const BUCKETS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]

interface Series {
  readonly labels: string
  readonly codes: Map<number, number>
  readonly buckets: Uint32Array
  sum: number
  count: number
}

export class Metrics {
  readonly #series = new Map<string, Series>()

  /** Notes one request. Watches count when they start. */
  observe(info: RequestInfo | undefined, status: number, milliseconds: number): void {
    const series = this.seriesOf(info)
    series.codes.set(status, (series.codes.get(status) ?? 0) + 1)
    const seconds = milliseconds / 1000
    series.sum += seconds
    series.count++
    let bucket = 0
    while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket++
    if (bucket < BUCKETS.length) series.buckets[bucket]!++
  }

  text(cache: WatchCache): string {
    const lines: string[] = ['# TYPE apiserver_request_total counter']
    for (const { labels, codes } of this.#series.values()) {
      for (const [code, count] of codes) lines.push(`apiserver_request_total{code="${code}",${labels}} ${count}`)
    }
    lines.push('# TYPE apiserver_request_duration_seconds histogram')
    for (const series of this.#series.values()) lines.push(...histogram(series))
    lines.push(
      '# TYPE apiserver_storage_objects gauge',
      ...kinds(cache, 'apiserver_storage_objects', kind => kind.size),
    )
    lines.push('# TYPE apiserver_longrunning_requests gauge')
    lines.push(...kinds(cache, 'apiserver_longrunning_requests', kind => kind.hub.streamCount))
    const { rss, heapUsed } = process.memoryUsage()
    lines.push('# TYPE process_resident_memory_bytes gauge', `process_resident_memory_bytes ${rss}`)
    lines.push('# TYPE nodejs_heap_size_used_bytes gauge', `nodejs_heap_size_used_bytes ${heapUsed}`)
    return `${lines.join('\n')}\n`
  }

  private seriesOf(info: RequestInfo | undefined): Series {
    // Paths outside the API are as many as anybody likes: they all count as one.
    const known = info?.isResourceRequest === true
    const id = known ? `${info.verb} ${info.group}/${info.version}/${info.resource}/${info.subresource}` : ''
    let series = this.#series.get(id)
    if (series === undefined) {
      if (this.#series.size > MAX_SERIES) return this.seriesOf(undefined)
      series = {
        labels: labelsOf(known ? info : undefined),
        codes: new Map(),
        buckets: new Uint32Array(BUCKETS.length),
        sum: 0,
        count: 0,
      }
      this.#series.set(id, series)
    }
    return series
  }
}

/** Somebody who asks for resources that do not exist must not fill the memory. */
const MAX_SERIES = 5000

function labelsOf(info: RequestInfo | undefined): string {
  const { verb = '', group = '', version = '', resource = '', subresource = '' } = info ?? {}
  const values = { verb: verb.toUpperCase(), group, version, resource, subresource }
  return Object.entries(values)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')
}

function* histogram({ labels, buckets, sum, count }: Series): Generator<string> {
  let total = 0
  for (const [index, bound] of BUCKETS.entries()) {
    total += buckets[index]!
    yield `apiserver_request_duration_seconds_bucket{${labels},le="${bound}"} ${total}`
  }
  yield `apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}`
  yield `apiserver_request_duration_seconds_sum{${labels}} ${sum}`
  yield `apiserver_request_duration_seconds_count{${labels}} ${count}`
}

function* kinds(
  cache: WatchCache,
  name: string,
  value: (kind: WatchCache['kinds'] extends Iterable<infer K> ? K : never) => number,
): Generator<string> {
  for (const kind of cache.kinds) {
    const count = value(kind)
    if (count > 0) yield `${name}{resource=${JSON.stringify(kind.prefix.slice('/registry/'.length, -1))}} ${count}`
  }
}
