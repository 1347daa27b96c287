import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { it } from 'node:test'
import type { ApiServer } from '@canopus/apiserver'
import { silentLogger } from '@canopus/base'
import { createClusterPki, systemClock } from '@canopus/platform'
import { componentPort, createComponentRegistries, serveComponents } from './component-ports.ts'

it("ports of components follow the slot; one that is somebody else's is left to them", async () => {
  assert.deepEqual(
    [0, 3].map(slot => componentPort(10_257, slot)),
    [10_257, 10_287],
  )
  // Far from those of clusters that run beside this test.
  const slot = 2000
  const taken = createServer().listen(componentPort(10_259, slot), '127.0.0.1')
  await new Promise(resolve => taken.once('listening', resolve))
  const pki = await createClusterPki({ clusterName: 'x', addresses: ['127.0.0.1'], clock: systemClock })
  const warned: unknown[] = []
  const logger = { ...silentLogger, warn: (_: string, facts?: object) => void warned.push(facts) }
  const ports = await serveComponents({
    server: { transport: () => ({}) } as unknown as ApiServer,
    slot,
    registries: createComponentRegistries(),
    certificates: pki.apiserver,
    clientCa: pki.ca.certificate,
    logger,
  })
  assert.deepEqual(warned, [{ component: 'kube-scheduler', port: 30_259 }])
  const other = createServer()
  const refused = await new Promise<NodeJS.ErrnoException>(resolve =>
    other.once('error', resolve).listen(componentPort(10_257, slot), '127.0.0.1'),
  )
  assert.equal(refused.code, 'EADDRINUSE')
  await ports.close()
  taken.close()
})
