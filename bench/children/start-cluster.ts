/** Starts clusters in a fresh process and says how long each took until the first object was created. */
import { answerCalls } from '../support/child.ts'

answerCalls({
  async start(): Promise<{ load: number; first: number; second: number }> {
    const started = performance.now()
    const { startCluster } = await import('../../packages/testing/src/index.ts')
    const { ConfigMaps } = await import('../../packages/api/src/index.ts')
    const load = performance.now() - started
    const once = async (): Promise<number> => {
      const start = performance.now()
      const cluster = await startCluster()
      await cluster.client.resource(ConfigMaps).create({ metadata: { name: 'first', namespace: 'default' } })
      const took = performance.now() - start
      await cluster.stop()
      return took
    }
    return { load, first: await once(), second: await once() }
  },
})
