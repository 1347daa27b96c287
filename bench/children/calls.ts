/** Requests to an API server in this process, without connections: what the request path and everything behind it costs. */
import { builtInKinds, Namespaces, ServiceAccounts } from '../../packages/api/src/index.ts'
import { bootstrapCluster, createApiServer, createSecurity } from '../../packages/apiserver/src/index.ts'
import { createClient } from '../../packages/client/src/index.ts'
import { createClusterPki, createLogger, systemClock, systemRandom } from '../../packages/platform/src/index.ts'
import { createMemoryStore } from '../../packages/store/src/index.ts'
import { answerCalls } from '../support/child.ts'
import { createGauge, type Reading } from '../support/gauge.ts'

const ADMINISTRATOR = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }
const IN_FLIGHT = 64
const PATIENCE = 10_000
const gauge = createGauge()

export interface CallWork {
  method: 'GET' | 'PATCH' | 'POST'
  path: string
  contentType?: string
  /** `{n}` in path and body is the request's number, counted from `from`; `{object}` the same modulo `objects`. */
  body?: string
  from?: number
  total: number
  objects?: number
}

const pki = await createClusterPki({ clusterName: 'bench', addresses: ['127.0.0.1'], clock: systemClock })
const server = createApiServer({
  store: createMemoryStore({ clock: systemClock }),
  clock: systemClock,
  random: systemRandom,
  logger: createLogger({ level: 'warn' }),
  kinds: builtInKinds,
  security: createSecurity({ serviceAccountKey: pki.serviceAccount.privateKey }),
})
await server.start()
const transport = server.transport(ADMINISTRATOR)
const client = createClient(transport)
await bootstrapCluster(client)
await client
  .resource(Namespaces)
  .create({ metadata: { name: 'default' }, spec: {} })
  .catch(() => {}) // the server may have been faster
await client.resource(ServiceAccounts).create({ metadata: { name: 'default', namespace: 'default' } })

async function send({ method, path, contentType, body, from = 0, total, objects }: CallWork): Promise<void> {
  const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType }
  let next = from
  const worker = async (): Promise<void> => {
    while (next < from + total) {
      const n = next++
      const filled = (text: string): string =>
        text.replaceAll('{n}', `${n}`).replaceAll('{object}', `${n % (objects ?? 1)}`)
      const request = { method, path: filled(path), headers }
      const answer = await transport.send(
        body === undefined ? request : { ...request, body: new TextEncoder().encode(filled(body)) },
      )
      if (answer.status >= 400) {
        throw new Error(`${method} ${path}: ${Buffer.from(await answer.bytes()).toString()}`)
      }
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
}

answerCalls(
  {
    /** Makes a definition and waits until its objects are served. */
    async define({ path, served, body }: { path: string; served: string; body: object }): Promise<void> {
      await send({ method: 'POST', path, body: JSON.stringify(body), total: 1 })
      const end = performance.now() + PATIENCE
      while ((await transport.send({ method: 'GET', path: served, headers: {} })).status !== 200) {
        if (performance.now() > end) throw new Error(`${served} is not served`)
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    },
    async measure(work: CallWork): Promise<Reading> {
      await gauge.begin()
      await send(work)
      return gauge.end()
    },
  },
  () => server.stop(),
)
