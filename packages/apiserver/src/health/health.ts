/** `/healthz`, `/livez` and `/readyz`, whole or check by check (k8s.io/apiserver/pkg/server/healthz). */
import { type MetricsRegistry, messageOf, type Sample } from '@canopus/base'
import type { ApiRequest, ApiResponse } from '../http/message.ts'
import { plainResponse, textResponse } from '../http/message.ts'

export interface HealthCheck {
  readonly name: string
  /** Where it counts: everywhere, for readiness alone, everywhere else, or everywhere but at `/livez`. */
  readonly scope: 'all' | 'ready' | 'live' | 'not-live'
  /** By what name it can be excluded with others, besides its own. */
  readonly group?: string
  /** Throws where something is wrong. */
  check(): Promise<void> | void
}

const ROOTS = ['healthz', 'livez', 'readyz'] as const
type Root = (typeof ROOTS)[number]

const countsAt =
  (root: Root) =>
  ({ scope }: HealthCheck): boolean =>
    scope === 'not-live' ? root !== 'livez' : scope === 'all' || (scope === 'ready') === (root === 'readyz')

/** Outcomes of one check at one path. */
interface Tally {
  success: number
  error: number
  last: boolean
}

export class Health {
  readonly #checks: () => Iterable<HealthCheck>
  readonly #inGrace: () => boolean
  readonly #ping: HealthCheck
  readonly #tallies = new Map<string, Tally>()

  /**
   * `checks` is asked every time: some come while the server starts. `inGrace`: whether what fails does not count at `/livez`. `ping`: where
   * the one check counts that never fails.
   */
  constructor(
    checks: () => Iterable<HealthCheck>,
    inGrace: () => boolean = () => false,
    ping: HealthCheck['scope'] = 'all',
  ) {
    this.#ping = { ...PING, scope: ping }
    this.#checks = checks
    this.#inGrace = inGrace
  }

  /** `undefined` where the path is no health path. */
  async serve({ path, query }: Pick<ApiRequest, 'path' | 'query'>): Promise<ApiResponse | undefined> {
    const [, root = '', ...rest] = path.split('/')
    if (!ROOTS.includes(root as Root)) return undefined
    const name = rest.join('/')
    const all = [this.#ping, ...this.#checks()].filter(countsAt(root as Root))
    const checks = root === 'livez' && this.#inGrace() ? all.map(each => ({ ...each, check: () => {} })) : all
    if (rest.length > 0) {
      const one = checks.find(each => each.name === name)
      return one === undefined ? undefined : this.one(one)
    }
    return this.all(root as Root, checks, new URLSearchParams(query))
  }

  /** Paths of all checks, for the list of paths. */
  get paths(): string[] {
    const checks = [this.#ping, ...this.#checks()]
    return ROOTS.flatMap(root => [`/${root}`, ...checks.filter(countsAt(root)).map(each => `/${root}/${each.name}`)])
  }

  private async one(check: HealthCheck): Promise<ApiResponse> {
    const failure = await outcome(check)
    return failure === undefined ? plainResponse(200, 'ok') : textResponse(500, `internal server error: ${failure}\n`)
  }

  private async all(root: Root, checks: readonly HealthCheck[], query: URLSearchParams): Promise<ApiResponse> {
    const excluded = new Set(query.getAll('exclude'))
    const unknown = new Set(excluded)
    const lines: string[] = []
    let failed = false
    for (const check of checks) {
      if (excluded.has(check.name)) {
        unknown.delete(check.name)
        lines.push(`[+]${check.name} excluded: ok`)
        continue
      }
      if (check.group !== undefined && excluded.has(check.group)) {
        unknown.delete(check.group)
        lines.push(`[+]${check.name} excluded with ${check.group}: ok`)
        continue
      }
      const failure = await outcome(check)
      this.note(root, check.name, failure === undefined)
      if (failure !== undefined) failed = true
      // What is wrong is said to those alone who may ask for the single check.
      lines.push(failure === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`)
    }
    if (unknown.size > 0) {
      const names = [...unknown].sort().map(each => JSON.stringify(each))
      lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(',')}`)
    }
    if (failed) return textResponse(500, `${lines.join('\n')}\n${root} check failed\n`)
    return query.has('verbose')
      ? textResponse(200, `${lines.join('\n')}\n${root} check passed\n`)
      : textResponse(200, 'ok')
  }

  private note(root: Root, name: string, healthy: boolean): void {
    const id = `${name} ${root}`
    const tally = this.#tallies.get(id) ?? { success: 0, error: 0, last: true }
    this.#tallies.set(id, tally)
    tally[healthy ? 'success' : 'error']++
    tally.last = healthy
  }

  /** What `/metrics/slis` tells (component-base/metrics/prometheus/slis). */
  register(registry: MetricsRegistry): void {
    const samples = function* (tallies: Map<string, Tally>): Generator<[string, string, Tally]> {
      for (const [id, tally] of tallies) {
        const [name = '', type = ''] = id.split(' ')
        yield [name, type, tally]
      }
    }
    registry.collect(
      'gauge',
      'kubernetes_healthcheck',
      '[STABLE] This metric records the result of a single healthcheck.',
      ['name', 'type'],
      () => [...samples(this.#tallies)].map(([name, type, { last }]): Sample => [[name, type], last ? 1 : 0]),
    )
    registry.collect(
      'counter',
      'kubernetes_healthchecks_total',
      '[STABLE] This metric records the results of all healthcheck.',
      ['name', 'status', 'type'],
      () =>
        [...samples(this.#tallies)].flatMap(([name, type, tally]): Sample[] =>
          (['success', 'error'] as const).flatMap((status): Sample[] =>
            tally[status] === 0 ? [] : [[[name, status, type], tally[status]]],
          ),
        ),
    )
  }
}

const PING: HealthCheck = { name: 'ping', scope: 'all', check: () => {} }

async function outcome(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check()
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}
