import type { Load } from '../children/load.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { atLeast, type Benchmark, type Figure, figureOf, median, rounded } from '../support/figure.ts'
import { podNamed } from '../support/pod.ts'
import { succeeded } from './create.ts'

const TOTAL = 2000
const OBJECTS = 100
const IN_FLIGHT = 64
const ROUNDS = 5
/** Not counted: until then not everything is compiled with all optimisations. */
const WARM_UP = 2

/** Server-side apply of deployments that exist, by their one manager; each time an annotation and the image change. */
export const apply: Benchmark = {
  name: 'apply',
  run: () =>
    withApi({}, async (bench): Promise<Figure[]> => {
      await applied(bench, OBJECTS)
      const rounds = []
      for (let round = 0; round < WARM_UP + ROUNDS; round++) rounds.push(await rate(bench))
      const runs = rounds.slice(WARM_UP)
      const stored = JSON.parse(await bench.clients.call('fetch', `${PATH.replace('{n}', '1')}`)) as object
      return [
        figureOf(
          'server-side apply of a 4 KB deployment, 64 in flight, HTTPS',
          'applies/s',
          runs.map(({ perSecond }) => perSecond),
          {
            target: atLeast(1000),
            detail: `${rounded(median(runs.map(({ cpu }) => cpu)))} us server CPU each, ${JSON.stringify(stored).length} bytes stored`,
          },
        ),
      ]
    }),
}

const PATH = '/apis/apps/v1/namespaces/default/deployments/web-{n}'

async function rate(bench: ApiBench): Promise<{ perSecond: number; cpu: number }> {
  const { result, cost } = await measured(bench, () => applied(bench, TOTAL))
  return { perSecond: (TOTAL / result.milliseconds) * 1000, cpu: (cost.cpu / TOTAL) * 1000 }
}

async function applied({ clients }: ApiBench, total: number): Promise<Load> {
  const path = `${PATH}?fieldManager=bench&force=true`
  const contentType = 'application/apply-patch+yaml'
  const body = JSON.stringify(deployment(round++))
  const work = { method: 'PATCH', path, contentType, body, total, objects: OBJECTS, inFlight: IN_FLIGHT }
  return succeeded(await clients.call<Load>('send', work))
}

let round = 0

export function deployment(state: number): object {
  const { metadata, spec } = podNamed('web') as unknown as {
    metadata: { labels: object }
    spec: { containers: object[] }
  }
  const { labels } = metadata
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web-{n}', labels, annotations: { state: `${state} {count}` } },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } },
      template: {
        metadata: { labels },
        spec: {
          ...spec,
          containers: [{ ...spec.containers[0], image: `registry.example.com/shop/web:${state}.{count}` }],
        },
      },
    },
  }
}
