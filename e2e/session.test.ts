/** The session of the README, typed by a test: real kubectl, real containers, real packets. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { containerSkip, TestCluster } from './support/cluster.ts'
import { Terminal } from './support/terminal.ts'
import { until } from './support/until.ts'

const manifest = (name: string): string => fileURLToPath(new URL(`../examples/redis/${name}`, import.meta.url))

describe('a first session', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('session')
  const { kubectl } = cluster
  const lines = async (...args: string[]): Promise<string[]> => (await kubectl.run(args)).trim().split('\n')

  before(async () => {
    const { stderr } = await cluster.up()
    assert.match(stderr, /Cluster "session" is ready in [\d.]+ s: 1 node, Kubernetes 1\.36, DNS answering\./)
    assert.match(stderr, /kubectl is set to the context "session"/)
  })
  after(() => cluster.remove())

  it('shows a node that is ready', async () => {
    const [header, row] = await lines('get', 'nodes')
    assert.match(header!, /^NAME +STATUS +ROLES +AGE +VERSION$/)
    assert.match(row!, /^session +Ready +control-plane +\S+ +v1\.36\.\d+/)
  })

  it('runs a pod', async () => {
    assert.equal((await kubectl.run(['run', 'redis', '--image=redis'])).trim(), 'pod/redis created')
    await kubectl.wait('pod/redis', 'condition=Ready')
    const [header, row] = await lines('get', 'pods')
    assert.match(header!, /^NAME +READY +STATUS +RESTARTS +AGE$/)
    assert.match(row!, /^redis +1\/1 +Running +0 +\d+s$/)
  })

  it('executes in it', async () => {
    const command = [kubectl.program, 'exec', '-it', 'redis', '--', 'redis-cli', 'ping']
    const terminal = new Terminal(command, { KUBECONFIG: cluster.kubeconfig }, { rows: 24, columns: 80 })
    try {
      await terminal.until(/^PONG\r/m)
    } finally {
      await terminal.close()
    }
    const failed = await kubectl.try(['exec', 'redis', '--', 'sh', '-c', 'echo oh no >&2; exit 3'])
    assert.equal(failed.code, 3)
    assert.match(failed.stderr, /oh no/)
  })

  it('brings back the pod of a deployment, and only that', async () => {
    await kubectl.run(['create', 'deployment', 'redis-deployment', '--image=redis'])
    await kubectl.wait('deployment/redis-deployment', 'condition=Available')
    const [name] = await lines('get', 'pods', '-l', 'app=redis-deployment', '-o', 'jsonpath={.items[*].metadata.name}')
    assert.match(name!, /^redis-deployment-[a-z0-9]{6,10}-[a-z0-9]{5}$/)
    await kubectl.run(['delete', 'pod', 'redis', name!], { timeout: 180_000 })
    await kubectl.wait('deployment/redis-deployment', 'condition=Available')
    const left = await lines('get', 'pods', '-o', 'jsonpath={.items[*].metadata.name}')
    assert.equal(left.length, 1)
    assert.match(left[0]!, /^redis-deployment-/)
    assert.notEqual(left[0], name)
  })

  it('starts a stateful set in order, whose second pod replicates the first', async () => {
    await kubectl.run(['create', '-f', manifest('statefulset.yaml'), '-f', manifest('headless-service.yaml')])
    await kubectl.run(['rollout', 'status', 'statefulset/redis-sfs', '--timeout=170s'])
    const started = (pod: string): Promise<string> =>
      kubectl.run(['get', 'pod', pod, '-o', 'jsonpath={.status.startTime}'])
    assert.ok((await started('redis-sfs-0')) <= (await started('redis-sfs-1')))
    await kubectl.followUntil(['logs', '-f', 'redis-sfs-1'], /MASTER <-> REPLICA sync: Finished with success/)
    const ping = [
      'exec',
      'redis-sfs-1',
      '--',
      'redis-cli',
      '-h',
      'redis-sfs-0.redis-sfs.default.svc.cluster.local',
      'ping',
    ]
    assert.equal((await kubectl.run(ping)).trim(), 'PONG')
  })

  it('serves the hello deployment under its service name and address', async () => {
    await kubectl.run(['create', 'deployment', 'hello', '--image=canopus/hello'])
    await kubectl.run(['expose', 'deployment', 'hello', '--port=80'])
    await kubectl.wait('deployment/hello', 'condition=Available')
    // Names and addresses of a service follow its pods, soon but not at once.
    const wget = ['exec', 'redis-sfs-0', '--', 'timeout', '10', 'wget', '-qO-', 'http://hello']
    await until('it is there by its name', async () => /Hello from Canopus!/.test((await kubectl.try(wget)).stdout))
    const address = await kubectl.run(['get', 'service', 'hello', '-o', 'jsonpath={.spec.clusterIP}'])
    const answer = await fetch(`http://${address}/`)
    assert.match(await answer.text(), /Hello from Canopus!/)
  })

  it('stops, and comes back with its pods', async () => {
    await cluster.command('stop')
    const status = await cluster.tryCommand('status', '-o', 'json')
    assert.equal(JSON.parse(status.stdout).state, 'stopped')
    await cluster.up()
    await kubectl.wait('deployment/hello', 'condition=Available')
    await kubectl.run(['rollout', 'status', 'statefulset/redis-sfs', '--timeout=170s'])
  })
})
