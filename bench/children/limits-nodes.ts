/**
 * The kubelets of a full cluster, in one process: each renews its lease every ten seconds, unless it still waits for the last
 * answer, and says of its pods that they run. They share a few connections, on each of which the server takes 1,000 requests.
 */
import { createClient, createInformerFactory } from '../../packages/client/src/index.ts'
import { createHttpsTransport } from '../../packages/host/src/index.ts'
import { createLogger, systemClock, systemRandom } from '../../packages/platform/src/index.ts'
import { runSimulatedNodes } from '../../packages/testing/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { type Credentials, H2Connection, requestHead } from '../support/h2-connection.ts'
import { nodeName } from '../support/limits-objects.ts'

const PERIOD = 10_000
/** Heartbeats come in so many parts of the period. */
const PARTS = 100
const CONNECTIONS = 10
const clock = systemClock
const logger = createLogger({ level: 'error' })
const stopping = new AbortController()
const heartbeats = { answered: 0, refused: 0 }
let running: Promise<unknown> | undefined

answerCalls(
  {
    /** Heartbeats that the server has answered, and that it refused. */
    heartbeats: () => ({ ...heartbeats }),

    /** Resolves once all pods are known here. */
    async start({ credentials, nodes }: { credentials: Credentials; nodes: number }): Promise<void> {
      const { port, ca, cert, key } = credentials
      const hearts = await Promise.all(Array.from({ length: CONNECTIONS }, () => H2Connection.open(credentials)))
      const beating = setInterval(beat(hearts, nodes), PERIOD / PARTS)
      stopping.signal.addEventListener('abort', () => {
        clearInterval(beating)
        for (const heart of hearts) heart.close()
      })
      const transport = createHttpsTransport({ server: `https://127.0.0.1:${port}`, ca, cert, key })
      const client = createClient(transport, { userAgent: 'kubelet' })
      const context = { client, clock, random: systemRandom, logger }
      const informers = createInformerFactory(context)
      const names = Array.from({ length: nodes }, (_, n) => ({ name: nodeName(n) }))
      running = runSimulatedNodes({ ...context, informers, nodes: names, podsOnly: true }, stopping.signal)
      informers.start(stopping.signal)
      await informers.waitForSync(stopping.signal)
    },
  },
  async () => {
    stopping.abort()
    await running
  },
)

/** The next part of the heartbeats. */
function beat(connections: readonly H2Connection[], nodes: number): () => void {
  const waiting = new Set<string>()
  let next = 0
  return () => {
    for (const end = next + nodes / PARTS; next < end; next++) {
      const name = nodeName(Math.floor(next) % nodes)
      if (waiting.has(name)) continue
      waiting.add(name)
      const renewTime = new Date().toISOString().replace('Z', '000Z')
      const head = requestHead('PATCH', `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`, PATCH)
      connections[Math.floor(next) % CONNECTIONS]!.fetch(head, Buffer.from(JSON.stringify({ spec: { renewTime } })))
        .then(
          () => heartbeats.answered++,
          () => heartbeats.refused++,
        )
        .finally(() => waiting.delete(name))
    }
  }
}

const PATCH = 'application/merge-patch+json'
