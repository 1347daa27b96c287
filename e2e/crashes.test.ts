/** `kill -9` of every process in turn, and of all at once: nothing acknowledged is lost, running containers keep running. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { containerSkip, TestCluster } from './support/cluster.ts'
import { until } from './support/until.ts'

interface Component {
  component: string
  pid?: number
  state: string
}

describe('kill -9', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('crashes')
  const { kubectl } = cluster
  let container = ''
  let written = 0

  const components = async (): Promise<Component[]> =>
    JSON.parse((await cluster.tryCommand('status', '-o', 'json')).stdout).components
  const status = (field: string): Promise<string> =>
    kubectl.run(['get', 'pod', 'redis', '-o', `jsonpath={.status.containerStatuses[0].${field}}`])
  const write = async (): Promise<void> => {
    await kubectl.run(['create', 'configmap', `acknowledged-${written++}`, '--from-literal=a=b'])
  }
  const untilRunning = (component: string, not: number): Promise<void> =>
    until(`${component} comes back`, async () => {
      const found = (await components()).find(each => each.component === component)
      return found?.state === 'running' && found.pid !== not
    })
  /** All that was acknowledged is there, the container is the same, and the cluster works. */
  const unharmed = async (): Promise<void> => {
    const { stderr } = await cluster.up()
    assert.match(stderr, /is ready/)
    const names = await kubectl.run(['get', 'configmaps', '-o', 'name'])
    for (let index = 0; index < written; index++)
      assert.ok(names.includes(`configmap/acknowledged-${index}\n`), `acknowledged-${index} is lost`)
    await kubectl.wait('pod/redis', 'condition=Ready')
    assert.equal(await status('containerID'), container)
    assert.equal(await status('restartCount'), '0')
    assert.equal((await kubectl.run(['exec', 'redis', '--', 'redis-cli', 'get', 'kept'])).trim(), 'in memory')
    await write()
  }

  before(async () => {
    await cluster.up()
    await kubectl.run(['run', 'redis', '--image=redis'])
    await kubectl.wait('pod/redis', 'condition=Ready')
    container = await status('containerID')
    await kubectl.run(['exec', 'redis', '--', 'redis-cli', 'set', 'kept', 'in memory'])
    await write()
  })
  after(() => cluster.remove())

  for (const component of ['control-plane', 'node/crashes/agent', 'node/crashes/containerd']) {
    it(`of ${component}`, async () => {
      const { pid } = (await components()).find(each => each.component === component)!
      process.kill(pid!, 'SIGKILL')
      await untilRunning(component, pid!)
      await unharmed()
    })
  }

  it('of the control plane right behind an acknowledged write', async () => {
    for (let round = 0; round < 5; round++) {
      const { pid } = (await components()).find(each => each.component === 'control-plane')!
      await write()
      process.kill(pid!, 'SIGKILL')
      await untilRunning('control-plane', pid!)
      await cluster.up()
    }
    await unharmed()
  })

  it('of everything at once, supervisors too', async () => {
    cluster.killEverything()
    assert.equal(
      JSON.parse((await cluster.tryCommand('status', '-o', 'json')).stdout).components.filter(
        (each: Component) => each.state === 'running',
      ).length,
      0,
    )
    await unharmed()
  })
})
