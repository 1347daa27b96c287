/** The API server on a TLS port, with everything that a request goes through, alone in its process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { builtInKinds, ClusterRoleBindings, Namespaces, Pods, ServiceAccounts } from '../../packages/api/src/index.ts'
import {
  type ApiServer,
  bootstrapCluster,
  createApiServer,
  createSecurity,
} from '../../packages/apiserver/src/index.ts'
import { type Client, createClient } from '../../packages/client/src/index.ts'
import {
  type ClusterPki,
  createClusterPki,
  createLogger,
  issueClientCertificate,
  systemClock,
  systemRandom,
  tuneEngine,
} from '../../packages/platform/src/index.ts'
import { createMemoryStore, openEmbeddedStore, type Store } from '../../packages/store/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { createGauge, type GaugeOptions } from '../support/gauge.ts'
import type { Credentials } from '../support/h2-connection.ts'
import { podNamed } from '../support/pod.ts'

const ADMINISTRATOR = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
const clock = systemClock
const logger = createLogger({ level: 'warn' })
const directory = mkdtempSync(join(tmpdir(), 'canopus-bench-'))
const gauge = createGauge()
let store: Store
let server: ApiServer
let client: Client
let pki: ClusterPki
let port: number

export interface StartOptions {
  backend: 'embedded' | 'memory'
  fair?: boolean
  /** Whether APIServices are kept for what is served. */
  aggregate?: boolean
  /** What the store holds before the server starts: so many copies of an object under a prefix, `{n}` their numbers. */
  held?: Readonly<Record<string, { object: string; count: number }>>
}

/** As the API server would have written them, one commit for many. */
async function hold(into: Store, held: NonNullable<StartOptions['held']>): Promise<void> {
  for (const [prefix, { object, count }] of Object.entries(held)) {
    for (let at = 0; at < count; at += HELD_AT_ONCE) {
      const numbers = Array.from({ length: Math.min(HELD_AT_ONCE, count - at) }, (_, n) =>
        String(at + n).padStart(6, '0'),
      )
      await Promise.all(
        numbers.map(n => {
          const text = object.replaceAll('{n}', n)
          return into.create(`/registry/${prefix}${n}`, revision =>
            Buffer.from(text.replace('{revision}', `${revision}`)),
          )
        }),
      )
    }
  }
}

const HELD_AT_ONCE = 1000

/** Without a flag on the command line. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

tuneEngine()
answerCalls(
  {
    async start({ backend, fair = true, aggregate = false, held = {} }: StartOptions): Promise<Credentials> {
      store =
        backend === 'embedded' ? await openEmbeddedStore({ directory, clock, logger }) : createMemoryStore({ clock })
      await hold(store, held)
      pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
      server = createApiServer({
        store,
        clock,
        random: systemRandom,
        logger,
        kinds: builtInKinds,
        serving: { priorityAndFairness: fair },
        ...(aggregate ? { aggregation: {} } : {}),
        security: createSecurity({ serviceAccountKey: pki.serviceAccount.privateKey }),
      })
      await server.start()
      client = createClient(server.transport(ADMINISTRATOR))
      await bootstrapCluster(client)
      await client
        .resource(Namespaces)
        .create({ metadata: { name: 'default' }, spec: {} })
        .catch(() => {})
      await client.resource(ServiceAccounts).create({ metadata: { name: 'default', namespace: 'default' } })
      const tls = { key: pki.apiserver.key, cert: pki.apiserver.certificate, clientCa: pki.ca.certificate }
      const http2ByNode = process.env.CANOPUS_HTTP2 === 'node'
      ;({ port } = await server.listen({ address: '127.0.0.1', port: 0, tls, http2ByNode }))
      const user = { commonName: 'kubernetes-admin', organizations: ['system:masters'], clock }
      const { certificate, key } = await issueClientCertificate(pki.ca, user)
      return { port, ca: pki.ca.certificate, cert: certificate, key }
    },

    /** Somebody who may read everything and is no administrator. */
    async reader({ name }: { name: string }): Promise<Credentials> {
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }
      const subjects = [{ kind: 'User', name, apiGroup: roleRef.apiGroup }]
      await client.resource(ClusterRoleBindings).create({ metadata: { name }, roleRef, subjects })
      const { certificate, key } = await issueClientCertificate(pki.ca, { commonName: name, organizations: [], clock })
      return { port, ca: pki.ca.certificate, cert: certificate, key }
    },

    /** Creates pods by calls inside the process. */
    async fill({ prefix, count }: { prefix: string; count: number }): Promise<void> {
      for (let at = 0; at < count; at += 100)
        await Promise.all(
          Array.from({ length: Math.min(100, count - at) }, (_, n) =>
            client.resource(Pods).create(podNamed(`${prefix}-${at + n}`) as never),
          ),
        )
    },

    count: async (): Promise<number> => (await client.resource(Pods).list()).items.length,
    podBytes: async (name: string): Promise<number> =>
      JSON.stringify(await client.resource(Pods).get(name, { namespace: 'default' })).length,
    /** Resident bytes once what can go has gone, and of them what lies in the JavaScript heap. */
    memory(): { resident: number; heap: number; external: number } {
      collectGarbage()
      const { rss, heapUsed, external } = process.memoryUsage()
      return { resident: rss, heap: heapUsed, external }
    },
    begin: (options: GaugeOptions) => gauge.begin(options),
    end: () => gauge.end(),
  },
  async () => {
    await server?.stop()
    await store?.close()
    rmSync(directory, { recursive: true, force: true })
  },
)
