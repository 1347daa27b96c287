/** What `apiserver_request_*` tells (k8s.io/apiserver/pkg/endpoints/metrics/metrics.go). */
import { Counter, exponentialBuckets, type Family, Histogram, type MetricsRegistry, type Sample } from '@canopus/base'
import type { RequestInfo } from '../filters/request-info.ts'
import type { Route } from '../filters/routes.ts'

const SECONDS = [0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60]
const DURATIONS = [0.005, 0.025, ...SECONDS]
const SIZES = exponentialBuckets(1000, 10, 7)

/** Bytes: 50,000 and on, up to 3 MB and more. */
const BODY_SIZES = Array.from({ length: 31 }, (_, index) => 50_000 + index * 100_000)
const VALIDATIONS: ReadonlySet<string> = new Set(['Ignore', 'Warn', 'Strict'])

const SERIES_LABELS = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component']
const DRY_RUN_LABELS = ['verb', 'dry_run', ...SERIES_LABELS.slice(1)]

/** What is asked for again and again, with everything that is counted of it. */
export class RequestSeries {
  readonly labels: readonly string[]
  readonly withDryRun: readonly string[]
  readonly codes = new Map<number, Counter>()
  readonly terminations = new Map<number, Counter>()
  readonly durations = new Histogram(DURATIONS)
  readonly sli = new Histogram(SECONDS)
  readonly sizes = new Histogram(SIZES)
  /** Whether one of its requests has lasted. */
  hasLasted = false
  /** Of what is sent to change the resource; found when the first comes. */
  bodies: Histogram | undefined
  #longRunning = 0
  readonly sized: boolean
  readonly resource: string

  constructor(verb: string, dryRun: string, rest: readonly string[]) {
    this.labels = [verb, ...rest]
    this.withDryRun = [verb, dryRun, ...rest]
    this.sized = verb === 'GET' || verb === 'LIST'
    this.resource = rest[2] ?? ''
  }

  get longRunning(): number {
    return this.#longRunning
  }

  set longRunning(count: number) {
    this.#longRunning = count
    this.hasLasted = true
  }

  /** Requests that go on are still to be taken off. */
  reset(): void {
    this.codes.clear()
    this.terminations.clear()
    for (const histogram of [this.durations, this.sli, this.sizes]) histogram.reset()
  }
}

/** Somebody who asks for resources that do not exist must not fill the memory. */
const MAX_SERIES = 5000
const COMPONENT = 'apiserver'
const CONNECTS: ReadonlySet<string> = new Set(['log', 'exec', 'portforward', 'attach', 'proxy'])
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
/** Paths outside the API that are counted by their own name; anybody can think of more. */
const PATHS: ReadonlySet<string> = new Set(['/healthz', '/livez', '/readyz'])

export class RequestMetrics {
  readonly #series = new Map<string, RequestSeries>()
  readonly #ofRoutes = new WeakMap<Route, RequestSeries>()
  readonly #bodies: Family<Histogram>
  readonly #own: Family<Counter>
  readonly #late: Family<Counter>
  readonly #validations: Family<Histogram>
  /** Whose way of validating is named already. */
  #validated = new WeakSet<Route>()

  constructor(registry: MetricsRegistry) {
    this.#bodies = registry.histogram(
      'apiserver_request_body_size_bytes',
      '[ALPHA] Apiserver request body size in bytes broken out by resource and verb.',
      ['resource', 'verb', 'group'],
      BODY_SIZES,
    )
    this.#own = registry.counter(
      'apiserver_selfrequest_total',
      '[ALPHA] Counter of apiserver self-requests broken out for each verb, API resource and subresource.',
      ['verb', 'group', 'resource', 'subresource'],
    )
    this.#late = registry.counter(
      'apiserver_request_post_timeout_total',
      '[ALPHA] Tracks the activity of the request handlers after the associated requests have been timed out by the apiserver',
      ['source', 'status'],
    )
    this.#validations = registry.histogram(
      'field_validation_request_duration_seconds',
      '[ALPHA] Response latency distribution in seconds for each field validation value',
      ['field_validation'],
      SECONDS,
    )
    const each = <T>(of: (series: RequestSeries) => Iterable<T>) =>
      [...this.#series.values()].flatMap(one => [...of(one)])
    registry.onReset(() => {
      for (const series of this.#series.values()) series.reset()
      this.#validated = new WeakSet()
    })
    registry.collect(
      'counter',
      'apiserver_request_total',
      '[STABLE] Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      [...DRY_RUN_LABELS, 'code'],
      () => each(({ withDryRun, codes }) => coded(withDryRun, codes)),
    )
    registry.collect(
      'histogram',
      'apiserver_request_duration_seconds',
      '[STABLE] Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
      DRY_RUN_LABELS,
      () => each(({ withDryRun, durations }) => filled(withDryRun, durations)),
    )
    registry.collect(
      'histogram',
      'apiserver_request_sli_duration_seconds',
      '[ALPHA] Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.',
      SERIES_LABELS,
      () => each(({ labels, sli }) => filled(labels, sli)),
    )
    registry.collect(
      'histogram',
      'apiserver_response_sizes',
      '[STABLE] Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
      SERIES_LABELS,
      () => each(({ labels, sizes }) => filled(labels, sizes)),
    )
    registry.collect(
      'gauge',
      'apiserver_longrunning_requests',
      '[STABLE] Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
      SERIES_LABELS,
      () => each(({ labels, longRunning, hasLasted }): Sample[] => (hasLasted ? [[labels, longRunning]] : [])),
    )
    registry.collect(
      'counter',
      'apiserver_request_terminations_total',
      '[ALPHA] Number of requests which apiserver terminated in self-defense.',
      [...SERIES_LABELS, 'code'],
      () => each(({ labels, terminations }) => coded(labels, terminations)),
    )
  }

  /** Notes one answered request; times in milliseconds. `waited` is the time in queues. */
  observe(series: RequestSeries, status: number, took: number, waited: number, bytes: number): void {
    counterOf(series.codes, status).add()
    series.durations.observe(took / 1000)
    if (series.withDryRun[1] === '') series.sli.observe((took - waited) / 1000)
    if (series.sized) series.sizes.observe(bytes)
  }

  /** Notes how much was sent to change a resource. */
  sent(series: RequestSeries, { group, resource, verb }: RequestInfo, bytes: number): void {
    const told = verb === 'deletecollection' ? 'delete_collection' : verb
    if (series.resource === resource) series.bodies ??= this.#bodies.with(resource, told, group)
    // Where there are too many, a series is that of several resources.
    const bodies = series.bodies ?? this.#bodies.with(resource, told, group)
    bodies.observe(bytes)
  }

  /** Notes that the server asked itself. */
  askedItself({ labels: [verb = '', group = '', , resource = '', subresource = ''] }: RequestSeries): void {
    this.#own.with(verb, group, resource, subresource).add()
  }

  /** Notes what came of a request after it had been answered that it took too long. */
  cameLate(status: 'error' | 'ok'): void {
    this.#late.with('timeout-handler', status).add()
  }

  /** Upstream names how a write is validated, and notes no time. */
  validated({ query, route }: RequestInfo): void {
    if (route !== undefined) {
      if (this.#validated.has(route)) return
      this.#validated.add(route)
    }
    const asked = query.size === 0 ? [] : query.getAll('fieldValidation')
    this.#validations.with(asked.length === 1 && VALIDATIONS.has(asked[0]!) ? asked[0]! : '')
  }

  /** Notes that the server turned a request away, or gave it up, to protect itself. */
  terminated(series: RequestSeries, status: number): void {
    counterOf(series.terminations, status).add()
  }

  seriesOf(method: string, info: RequestInfo | undefined, contentType: string | undefined): RequestSeries {
    const route = info?.route
    // A patch and an apply of the same object are two series.
    if (route === undefined || method === 'PATCH') return this.find(method, info, contentType)
    let series = this.#ofRoutes.get(route)
    if (series === undefined) {
      series = this.find(method, info, contentType)
      this.#ofRoutes.set(route, series)
    }
    return series
  }

  private find(method: string, info: RequestInfo | undefined, contentType: string | undefined): RequestSeries {
    const dryRun = info === undefined || info.query.size === 0 ? '' : dryRunLabel(info.query)
    const scope = scopeOf(info)
    const known = info?.isResourceRequest === true
    const path = info !== undefined && !known && PATHS.has(info.path) ? info.path : ''
    const verb = verbOf(method, scope, info, contentType)
    const id = known
      ? `${verb} ${info.group}/${info.version}/${info.resource}/${info.subresource} ${scope} ${dryRun}`
      : `${verb} ${path}`
    let series = this.#series.get(id)
    if (series === undefined) {
      if (this.#series.size > MAX_SERIES) return this.find(method, undefined, undefined)
      const rest = known
        ? [info.group, info.version, info.resource, info.subresource, scope, COMPONENT]
        : ['', '', '', path, '', COMPONENT]
      series = new RequestSeries(verb, dryRun, rest)
      this.#series.set(id, series)
    }
    return series
  }
}

function counterOf(codes: Map<number, Counter>, status: number): Counter {
  let counter = codes.get(status)
  if (counter === undefined) {
    counter = new Counter()
    codes.set(status, counter)
  }
  return counter
}

function* coded(labels: readonly string[], codes: ReadonlyMap<number, Counter>): Generator<Sample> {
  for (const [code, { value }] of codes) yield [[...labels, String(code)], value]
}

function filled(labels: readonly string[], histogram: Histogram): Sample[] {
  return histogram.count === 0 ? [] : [[labels, histogram]]
}

function scopeOf(info: RequestInfo | undefined): string {
  if (info === undefined) return ''
  if (info.name !== '' || info.verb === 'create') return 'resource'
  if (info.namespace !== '') return 'namespace'
  return info.isResourceRequest ? 'cluster' : ''
}

function verbOf(method: string, scope: string, info: RequestInfo | undefined, contentType: string | undefined): string {
  if (info?.isResourceRequest && CONNECTS.has(info.subresource)) return 'CONNECT'
  if (info?.verb === 'watch') return 'WATCH'
  if (method === 'PATCH' && contentType === 'application/apply-patch+yaml') return 'APPLY'
  if (method === 'GET' || method === 'HEAD') return scope === 'resource' || scope === '' ? 'GET' : 'LIST'
  return METHODS.has(method) ? method : 'other'
}

function dryRunLabel(query: URLSearchParams): string {
  const asked = query.getAll('dryRun')
  if (asked.length === 0) return ''
  return asked.every(each => each === 'All') ? 'All' : 'invalid'
}
