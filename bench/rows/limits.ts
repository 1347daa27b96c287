import { setTimeout as sleep } from 'node:timers/promises'
import type { Roll, Started, Synced } from '../children/limits.ts'
import type { Load, Pages } from '../children/load.ts'
import { type Child, startChild } from '../support/child.ts'
import { atMost, type Benchmark, type Figure, figureOf, rounded, targetOf } from '../support/figure.ts'
import type { Reading } from '../support/gauge.ts'
import type { Credentials } from '../support/h2-connection.ts'
import { applicationName, namespaceOf, PODS_EACH, type Size } from '../support/limits-objects.ts'
import { memoryOf } from '../support/machine.ts'
import { podNamed } from '../support/pod.ts'
import { succeeded } from './create.ts'

const scale = Number(process.env.CANOPUS_BENCH_SCALE ?? 1)
const SIZE: Size = { nodes: Math.ceil(5000 * scale), applications: Math.ceil(10_000 * scale) }
const PAGE = 500
const LOAD = 20_000
const WRITE_PAUSE = 20
const READ_PAUSE = 5
/** So many deployments at a time get a new template and five pods more, again and again while the load lasts. */
const ROLLED = 10
const GROWN = PODS_EACH + 5

/** The official limits at once: what a full cluster takes, and how soon its API answers while there is work. */
export const limits: Benchmark = {
  name: 'limits',
  async run(): Promise<Figure[]> {
    const plane = startChild('limits.ts')
    const nodes = startChild('limits-nodes.ts')
    const clients = [startChild('load.ts'), startChild('load.ts'), startChild('load.ts')]
    try {
      const started = await plane.call<Started>('start', SIZE)
      const { credentials } = started
      const [known, synced] = await Promise.all([
        nodes.call('start', { credentials, nodes: SIZE.nodes }),
        plane.call<Synced>('synced'),
        ...clients.map(client => client.call('connect', { ...credentials, connections: 1 } satisfies Connect)),
      ])
      void known
      return figuresOf(started, synced as Synced, await underLoad(plane, nodes, clients as [Child, Child, Child]))
    } finally {
      await Promise.all([...clients, nodes].map(child => child.stop()))
      await plane.stop()
    }
  },
}

type Connect = Credentials & { connections: number }

interface Measured {
  reads: Load
  writes: { p50: number; p99: number }
  pages: Pages
  rolls: number[]
  plane: Reading
  /** Bytes, proportional, of control plane and kubelets; the most that was seen. */
  memory: { plane: number; nodes: number }
  heartbeats: { answered: number; refused: number }
}

async function underLoad(plane: Child, nodes: Child, clients: [Child, Child, Child]): Promise<Measured> {
  const [reader, writer, lister] = clients
  const memory = { plane: 0, nodes: 0 }
  const look = (): void => {
    memory.plane = Math.max(memory.plane, memoryOf(plane.pid).pss)
    memory.nodes = Math.max(memory.nodes, memoryOf(nodes.pid).pss)
  }
  look()
  await plane.call('begin')
  const end = performance.now() + LOAD
  const [reads, writes, pages, rolls] = await Promise.all([
    reader.call<Load>('probe', { paths: READ, milliseconds: LOAD, pause: READ_PAUSE }),
    writeSlowly(writer, end),
    lister.call<Pages>('pages', { path: '/api/v1/pods', limit: PAGE, times: 1, pause: READ_PAUSE }),
    rollUntil(plane, end, look),
  ])
  const reading = await plane.call<Reading>('end')
  look()
  const heartbeats = await nodes.call<Measured['heartbeats']>('heartbeats')
  return { reads: succeeded(reads), writes, pages, rolls, plane: reading, memory, heartbeats }
}

function figuresOf(started: Started, synced: Synced, measured: Measured): Figure[] {
  const pods = SIZE.applications * PODS_EACH
  const held = `${SIZE.nodes} nodes, ${pods} pods and ${SIZE.applications} services`
  const second = { ...targetOf(scale >= 1, atMost(1000)) }
  const { reads, writes, pages, rolls, plane, memory, heartbeats } = measured
  const megabytes = (bytes: number): number => rounded(bytes / 1e6)
  return [
    figureOf(`${held}: control plane's memory`, 'MB', [memory.plane / 1e6], {
      detail: `${megabytes(memory.nodes)} MB the process that plays the kubelets; of their heartbeats ${heartbeats.answered} were answered, ${heartbeats.refused} refused`,
    }),
    figureOf(`${held}: from the start until controllers and scheduler are at work`, 's', [synced.milliseconds / 1000], {
      detail: `${rounded(synced.cpu / 1000)} s of CPU; the API answers after ${rounded(started.answering / 1000)} s; ${started.objects} objects were written in ${rounded(started.filled / 1000)} s`,
    }),
    figureOf(`${held}, deployments rolled: GET, p99`, 'ms', [reads.latency.p99], {
      ...second,
      detail: `median ${rounded(reads.latency.p50)} ms; control plane ${rounded((100 * plane.cpu) / plane.wall)} % of a core, longest stop of its event loop ${rounded(plane.loop.max)} ms`,
    }),
    figureOf(`${held}, deployments rolled: create, p99`, 'ms', [writes.p99], {
      ...second,
      detail: `median ${rounded(writes.p50)} ms`,
    }),
    figureOf(`${held}, deployments rolled: page of ${PAGE}, p99`, 'ms', [pages.latency.p99], {
      ...second,
      detail: `median ${rounded(pages.latency.p50)} ms, all pods in ${rounded(pages.milliseconds[0]! / 1000)} s`,
    }),
    figureOf(
      `${held}: ${ROLLED} deployments rolled and scaled, about ${ROLLED * GROWN} pods each way`,
      's',
      rolls.map(each => each / 1000),
    ),
  ]
}

const READ = Array.from({ length: 8 }, (_, n) => {
  const at = Math.floor((n * SIZE.applications) / 8)
  return `/apis/apps/v1/namespaces/${namespaceOf(at)}/deployments/${applicationName(at)}`
})

/** Rolls other deployments each time, and looks at the memory in between. */
async function rollUntil(plane: Child, end: number, look: () => void): Promise<number[]> {
  const took: number[] = []
  for (let from = 0; performance.now() < end; from = (from + ROLLED) % SIZE.applications) {
    const roll: Roll = { from, count: ROLLED, replicas: GROWN, image: `registry.example.com/web:${took.length}` }
    took.push(await plane.call<number>('roll', roll))
    look()
  }
  return took
}

/** Creates one pod after the other, with pauses, that no node will take: what scheduling it costs is in `roll`. */
async function writeSlowly(writer: Child, end: number): Promise<{ p50: number; p99: number }> {
  const pod = podNamed('extra-{n}', namespaceOf(0)) as unknown as { spec: { nodeSelector: Record<string, string> } }
  pod.spec.nodeSelector['example.com/nowhere'] = 'true'
  const body = JSON.stringify({ ...pod, spec: { ...pod.spec, schedulingGates: [{ name: 'example.com/never' }] } })
  const latencies: number[] = []
  for (let n = 0; performance.now() < end; n++) {
    const path = `/api/v1/namespaces/${namespaceOf(0)}/pods`
    const work = { method: 'POST', path, body, from: n, total: 1, inFlight: 1 }
    latencies.push(succeeded(await writer.call<Load>('send', work)).latency.p50)
    await sleep(WRITE_PAUSE)
  }
  const sorted = latencies.sort((a, b) => a - b)
  return { p50: sorted[sorted.length >> 1]!, p99: sorted[Math.floor(sorted.length * 0.99)]! }
}
