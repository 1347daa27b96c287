/** The kubelets of a full cluster, in one process: each renews its lease every ten seconds, and says of its pods that they run. */
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
const clock = systemClock
const logger = createLogger({ level: 'error' })
const stopping = new AbortController()
let running: Promise<unknown> | undefined

answerCalls(
  {
    /** Resolves once all pods are known here. */
    async start({ credentials, nodes }: { credentials: Credentials; nodes: number }): Promise<void> {
      const { port, ca, cert, key } = credentials
      const heart = await H2Connection.open(credentials)
      const beating = setInterval(beat(heart, nodes), PERIOD / PARTS)
      stopping.signal.addEventListener('abort', () => {
        clearInterval(beating)
        heart.close()
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
function beat(connection: H2Connection, nodes: number): () => void {
  let next = 0
  return () => {
    for (const end = next + nodes / PARTS; next < end; next++) {
      const name = nodeName(Math.floor(next) % nodes)
      const renewTime = new Date().toISOString().replace('Z', '000Z')
      const head = requestHead('PATCH', `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`, PATCH)
      connection.fetch(head, Buffer.from(JSON.stringify({ spec: { renewTime } }))).catch(error => {
        if (!stopping.signal.aborted) console.error(`a heartbeat of ${name} failed: ${error}`)
      })
    }
  }
}

const PATCH = 'application/merge-patch+json'
