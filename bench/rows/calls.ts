import type { CallWork } from '../children/calls.ts'
import { type Child, startChild } from '../support/child.ts'
import { definition } from '../support/definition.ts'
import { type Benchmark, type Figure, figureOf } from '../support/figure.ts'
import type { Reading } from '../support/gauge.ts'
import { podNamed } from '../support/pod.ts'
import { deployment } from './apply.ts'
import { object } from './cel.ts'
import { plainSpec, ruledSpec } from './custom-create.ts'

const ROUNDS = 4
const TOTAL = 3000
const GROUP = 'bench.example.com'
const CORE = '/api/v1/namespaces/default'
const CUSTOM = `/apis/${GROUP}/v1/namespaces/default`

/** CPU time of requests inside the server's process: steadier than that of requests over connections and to a disk. */
export const calls: Benchmark = {
  name: 'calls',
  async run(): Promise<Figure[]> {
    const child = startChild('calls.ts')
    try {
      await define(child, 'Plain', plainSpec)
      await define(child, 'Ruled', ruledSpec)
      const chosen = process.env.CANOPUS_BENCH_CALLS?.split(',')
      const figures: Figure[] = []
      for (const [name, work] of Object.entries(WORK)) {
        if (chosen === undefined || chosen.includes(name)) figures.push(await measured(child, name, work))
      }
      return figures
    } finally {
      await child.stop()
    }
  },
}

const WORK: Readonly<Record<string, (round: number) => CallWork>> = {
  create: () => ({ method: 'POST', path: `${CORE}/pods`, body: JSON.stringify(podNamed('pod-{n}')), total: TOTAL }),
  get: () => ({ method: 'GET', path: `${CORE}/pods/pod-{object}`, objects: TOTAL, total: TOTAL * 10 }),
  apply: round => ({
    method: 'PATCH',
    path: '/apis/apps/v1/namespaces/default/deployments/web-{object}?fieldManager=bench&force=true',
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify(deployment(round)).replaceAll('{n}', '{object}').replaceAll('{count}', '{n}'),
    objects: 100,
    total: TOTAL,
  }),
  custom: () => customCreate('Plain'),
  ruled: () => customCreate('Ruled'),
}

const customCreate = (kind: string): CallWork => ({
  method: 'POST',
  path: `${CUSTOM}/${kind.toLowerCase()}s`,
  body: JSON.stringify({ apiVersion: `${GROUP}/v1`, kind, metadata: { name: 'object-{n}' }, spec: object.spec }),
  total: TOTAL,
})

async function measured(child: Child, name: string, work: (round: number) => CallWork): Promise<Figure> {
  const runs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const each = { ...work(round), from: round * TOTAL * 10 }
    const { cpu } = await child.call<Reading>('measure', each)
    if (round > 0) runs.push((cpu / each.total) * 1000) // the first one warms up
  }
  return figureOf(`calls: ${name}`, 'us CPU', runs)
}

async function define(child: Child, kind: string, spec: object): Promise<void> {
  const plural = `${kind.toLowerCase()}s`
  await child.call('define', {
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    served: `/apis/${GROUP}/v1/${plural}`,
    body: definition(GROUP, kind, plural, spec),
  })
}
