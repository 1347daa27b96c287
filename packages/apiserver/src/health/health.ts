/** `/healthz`, `/livez` and `/readyz`, whole or check by check (k8s.io/apiserver/pkg/server/healthz). */
import type { ApiRequest, ApiResponse } from '../http/message.ts'
import { textResponse } from '../http/message.ts'

export interface HealthCheck {
  readonly name: string
  /** Where it counts: everywhere, or for readiness alone. */
  readonly scope: 'all' | 'ready'
  /** Throws where something is wrong. */
  check(): Promise<void> | void
}

const ROOTS = ['healthz', 'livez', 'readyz'] as const
type Root = (typeof ROOTS)[number]

export class Health {
  readonly #checks: readonly HealthCheck[]

  constructor(checks: readonly HealthCheck[]) {
    this.#checks = [{ name: 'ping', scope: 'all', check: () => {} }, ...checks]
  }

  /** `undefined` where the path is no health path. */
  async serve(request: ApiRequest): Promise<ApiResponse | undefined> {
    const [root, name, more] = request.path.split('/').filter(each => each !== '')
    if (!ROOTS.includes(root as Root) || more !== undefined) return undefined
    const checks = this.#checks.filter(each => root === 'readyz' || each.scope === 'all')
    if (name !== undefined) {
      const one = checks.find(each => each.name === name)
      return one === undefined ? undefined : this.one(one)
    }
    return this.all(root as Root, checks, new URLSearchParams(request.query))
  }

  private async one(check: HealthCheck): Promise<ApiResponse> {
    const failure = await outcome(check)
    return failure === undefined ? textResponse(200, 'ok') : textResponse(500, `internal server error: ${failure}\n`)
  }

  private async all(root: Root, checks: readonly HealthCheck[], query: URLSearchParams): Promise<ApiResponse> {
    const excluded = query.getAll('exclude')
    const lines: string[] = []
    let failed = false
    for (const check of checks) {
      if (excluded.includes(check.name)) {
        lines.push(`[+]${check.name} excluded: ok`)
        continue
      }
      const failure = await outcome(check)
      if (failure !== undefined) failed = true
      lines.push(failure === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`)
    }
    if (failed) return textResponse(500, `${lines.join('\n')}\n${root} check failed\n`)
    return query.has('verbose')
      ? textResponse(200, `${lines.join('\n')}\n${root} check passed\n`)
      : textResponse(200, 'ok')
  }
}

async function outcome(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
