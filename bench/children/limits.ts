/** The control plane as `canopus up` has it, API server, controllers and scheduler on one event loop, over a store that is full. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Deployments, Pods } from '../../packages/api/src/index.ts'
import { type Client, createClient } from '../../packages/client/src/index.ts'
import { type ControlPlane, startControlPlane } from '../../packages/control-plane/src/index.ts'
import {
  createClusterPki,
  createLogger,
  issueClientCertificate,
  systemClock,
  systemRandom,
  tuneEngine,
} from '../../packages/platform/src/index.ts'
import { openEmbeddedStore, type Store } from '../../packages/store/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { createGauge } from '../support/gauge.ts'
import type { Credentials } from '../support/h2-connection.ts'
import {
  applicationName,
  CLUSTER_CIDR,
  eventually,
  fillToTheLimits,
  namespaceOf,
  SERVICE_CIDR,
  type Size,
} from '../support/limits-objects.ts'

const ADMINISTRATOR = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
const PATIENCE = 180_000
const START_PATIENCE = 600_000
const clock = systemClock
const logger = createLogger({ level: 'error' })
const directory = mkdtempSync(join(tmpdir(), 'canopus-bench-'))
const stopping = new AbortController()
const gauge = createGauge()
let store: Store
let plane: ControlPlane
let client: Client
let begun = 0

export interface Started {
  credentials: Credentials
  objects: number
  /** Milliseconds that filling the store took, and then the start until the API answers. */
  filled: number
  answering: number
}

export interface Synced {
  /** Milliseconds since the start, by the clock and of CPU time. */
  milliseconds: number
  cpu: number
}

tuneEngine()
answerCalls(
  {
    async start(size: Size): Promise<Started> {
      const before = performance.now()
      store = await openEmbeddedStore({ directory, clock, logger })
      const objects = await fillToTheLimits(store, size)
      await store.close()
      const pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
      begun = performance.now()
      await gauge.begin()
      store = await openEmbeddedStore({ directory, clock, logger })
      const cidrs = { serviceCidr: SERVICE_CIDR, clusterCidr: CLUSTER_CIDR }
      plane = await startControlPlane({ store, clock, random: systemRandom, logger, pki, ...cidrs }, stopping.signal)
      client = createClient(plane.server.transport(ADMINISTRATOR))
      const tls = { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate }
      const { port } = await plane.server.listen({ address: '127.0.0.1', port: 0, tls })
      const user = { commonName: ADMINISTRATOR.name, organizations: ['system:masters'], clock }
      const { certificate, key } = await issueClientCertificate(pki.ca, user)
      const credentials = { port, ca: pki.ca.certificate, cert: certificate, key }
      return { credentials, objects, filled: begun - before, answering: performance.now() - begun }
    },

    /** Milliseconds from the start until a new deployment's pod has a node: controllers and scheduler know everything then. */
    async synced(): Promise<Synced> {
      const labels = { app: 'first' }
      const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'pause' }] } }
      await client.resource(Deployments).create({
        metadata: { name: 'first', namespace: namespaceOf(0) },
        spec: { replicas: 1, selector: { matchLabels: labels }, template },
      } as never)
      await eventually(async () => {
        const pods = await client.resource(Pods).list({ namespace: namespaceOf(0), labelSelector: 'app=first' })
        return pods.items[0]?.spec.nodeName !== undefined
      }, START_PATIENCE)
      return { milliseconds: performance.now() - begun, cpu: (await gauge.end()).cpu }
    },

    /** Milliseconds until so many deployments, of which each has got a new template and `replicas`, are rolled out. */
    async roll({ from, count, replicas, image }: Roll): Promise<number> {
      const deployments = client.resource(Deployments)
      const start = performance.now()
      const spec = { replicas, template: { spec: { containers: [{ name: 'web', image }] } } }
      await Promise.all(
        Array.from({ length: count }, async (_, n) => {
          const [name, namespace] = [applicationName(from + n), namespaceOf(from + n)]
          await deployments.patch(name, 'strategic', { spec }, { namespace })
          await eventually(async () => {
            const { status, metadata } = await deployments.get(name, { namespace })
            const { updatedReplicas, availableReplicas, replicas: all } = status ?? {}
            if (status?.observedGeneration !== metadata.generation) return false
            return [updatedReplicas, availableReplicas, all].every(each => each === replicas)
          }, PATIENCE)
        }),
      )
      return performance.now() - start
    },

    begin: () => gauge.begin(),
    end: () => gauge.end(),
  },
  async () => {
    stopping.abort()
    await plane?.finished
    await store?.close()
    rmSync(directory, { recursive: true, force: true })
  },
)

export interface Roll {
  from: number
  count: number
  replicas: number
  image: string
}
