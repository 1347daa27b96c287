/** The API server on a TLS port, with everything that a request goes through, alone in its process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
} from '../../packages/platform/src/index.ts'
import { createMemoryStore, openEmbeddedStore, type Store } from '../../packages/store/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { createGauge } from '../support/gauge.ts'
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

answerCalls(
  {
    async start({ backend, fair = true }: { backend: 'embedded' | 'memory'; fair?: boolean }): Promise<Credentials> {
      store =
        backend === 'embedded' ? await openEmbeddedStore({ directory, clock, logger }) : createMemoryStore({ clock })
      pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock })
      server = createApiServer({
        store,
        clock,
        random: systemRandom,
        logger,
        kinds: builtInKinds,
        serving: { priorityAndFairness: fair },
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
      ;({ port } = await server.listen({ address: '127.0.0.1', port: 0, tls }))
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
    begin: () => gauge.begin(),
    end: () => gauge.end(),
  },
  async () => {
    await server?.stop()
    await store?.close()
    rmSync(directory, { recursive: true, force: true })
  },
)
