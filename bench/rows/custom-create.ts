import type { Load } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { definition } from '../support/definition.ts'
import { atLeast, type Benchmark, type Figure, figureOf, median, rounded } from '../support/figure.ts'
import { object, rules, schema } from './cel.ts'
import { succeeded } from './create.ts'

const TOTAL = 3000
const IN_FLIGHT = 64
const ROUNDS = 5
/** Not counted: until then not everything is compiled with all optimisations. */
const WARM_UP = 2
const GROUP = 'bench.example.com'
const PATIENCE = 10_000

/** Creates of custom resources whose definition has twenty rules, and of the same ones without rules, in turns. */
export const customCreate: Benchmark = {
  name: 'custom-create',
  run: () =>
    withApi({}, async (bench): Promise<Figure[]> => {
      await define(bench, 'Ruled', ruledSpec)
      await define(bench, 'Plain', plainSpec)
      const rounds: Record<'ruled' | 'plain', Rate>[] = []
      for (let round = 0; round < WARM_UP + ROUNDS; round++) {
        rounds.push({ ruled: await rate(bench, 'Ruled', round), plain: await rate(bench, 'Plain', round) })
      }
      const runs = rounds.slice(WARM_UP)
      const middle = (of: (run: (typeof runs)[number]) => number): number => rounded(median(runs.map(of)))
      return [
        figureOf(
          'creates of a custom resource with 20 CEL rules, 64 in flight, HTTPS',
          'creates/s',
          runs.map(({ ruled }) => ruled.perSecond),
          {
            target: atLeast(1500),
            peer: { name: 'without rules', value: middle(({ plain }) => plain.perSecond) },
            detail: `${middle(({ ruled }) => ruled.cpu)} us server CPU each (without: ${middle(({ plain }) => plain.cpu)})`,
          },
        ),
      ]
    }),
}

export const plainSpec = (schema as { properties: { spec: object } }).properties.spec

/** The rules of the row `cel` are about the whole object; here they see the spec, to which its name belongs too. */
const asRule = (rule: string): { rule: string } => ({ rule: rule.replaceAll(/self\.(spec|metadata)\./g, 'self.') })

export const ruledSpec = { ...plainSpec, 'x-kubernetes-validations': rules.map(asRule) }

interface Rate {
  perSecond: number
  /** Microseconds of the server's CPU per create. */
  cpu: number
}

async function rate(bench: ApiBench, kind: string, round: number): Promise<Rate> {
  const body = JSON.stringify({
    apiVersion: `${GROUP}/v1`,
    kind,
    metadata: { name: `object-${round}-{n}` },
    spec: object.spec,
  })
  const path = `/apis/${GROUP}/v1/namespaces/default/${kind.toLowerCase()}s`
  const work = { method: 'POST', path, body, total: TOTAL, inFlight: IN_FLIGHT }
  const { result, cost } = await measured(bench, async () => succeeded(await bench.clients.call<Load>('send', work)))
  return { perSecond: (TOTAL / result.milliseconds) * 1000, cpu: (cost.cpu / TOTAL) * 1000 }
}

async function define({ clients }: ApiBench, kind: string, own: object): Promise<void> {
  const plural = `${kind.toLowerCase()}s`
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  await clients.call('post', { path, body: definition(GROUP, kind, plural, own) })
  const end = performance.now() + PATIENCE
  for (;;) {
    const found = await clients.call<string>('fetch', `/apis/${GROUP}/v1/${plural}`).catch(() => undefined)
    if (found !== undefined) return
    if (performance.now() > end) throw new Error(`${plural} are not served`)
  }
}
