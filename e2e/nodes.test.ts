/** Three nodes on one machine: pods reach each other across nodes, and a node's death moves its pods. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { containerSkip, TestCluster } from './support/cluster.ts'

const manifest = fileURLToPath(new URL('manifests/spread.yaml', import.meta.url))

interface PodRow {
  name: string
  node: string
  ip: string
}

describe('three nodes', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('nodes')
  const { kubectl } = cluster

  const pods = async (): Promise<PodRow[]> => {
    const template =
      '{range .items[?(@.status.phase=="Running")]}{.metadata.name} {.spec.nodeName} {.status.podIP}{"\\n"}{end}'
    const text = await kubectl.run(['get', 'pods', '-l', 'app=web', '-o', `jsonpath=${template}`])
    return text
      .trim()
      .split('\n')
      .map(line => line.split(' '))
      .map(([name = '', node = '', ip = '']) => ({ name, node, ip }))
  }
  const fetchFrom = (pod: string, url: string): Promise<string> =>
    kubectl.run(['exec', pod, '--', 'timeout', '60', 'wget', '-qO-', `http://${url}/cgi-bin/hostname`])

  before(() => cluster.up('--nodes', '3'))
  after(() => cluster.remove())

  it('are ready and share the pods of a deployment', async () => {
    await kubectl.run(['apply', '-f', manifest])
    await kubectl.run(['rollout', 'status', 'deployment/web', '--timeout=170s'])
    const nodes = new Set((await pods()).map(pod => pod.node))
    assert.deepEqual([...nodes].sort(), ['nodes', 'nodes-2', 'nodes-3'])
  })

  it('carry packets between pods, whatever node they are on', async () => {
    const all = await pods()
    const oneEach = [...new Map(all.map(pod => [pod.node, pod])).values()]
    for (const from of oneEach)
      for (const to of oneEach) assert.equal((await fetchFrom(from.name, to.ip)).trim(), to.name)
  })

  it('lead a service to pods on every node, by its name', async () => {
    const all = await pods()
    const byName = new Map(all.map(pod => [pod.name, pod.node]))
    const from = all.find(pod => pod.node === 'nodes-2')!
    const seen = new Set<string>()
    for (let attempt = 0; attempt < 40 && seen.size < 3; attempt++) {
      seen.add(byName.get((await fetchFrom(from.name, 'web.default.svc.cluster.local')).trim()) ?? 'unknown')
    }
    assert.deepEqual([...seen].sort(), ['nodes', 'nodes-2', 'nodes-3'])
  })

  it('lead a node port to pods on every node, from every node, whichever is asked', async () => {
    await kubectl.run(['expose', 'deployment', 'web', '--name=ported', '--type=NodePort', '--port=80'])
    const port = await kubectl.run(['get', 'service', 'ported', '-o', 'jsonpath={.spec.ports[0].nodePort}'])
    const addresses = await kubectl.run([
      'get',
      'nodes',
      '-o',
      'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}',
    ])
    const byName = new Map((await pods()).map(pod => [pod.name, pod.node]))
    const clients = new Map([...byName].map(([name, node]) => [node, name]))
    for (const [node, client] of clients)
      for (const address of addresses.split(' ')) {
        const fetchOne = `timeout 20 wget -qO- http://${address}:${port}/cgi-bin/hostname || echo lost`
        const loop = `for n in $(seq 40); do ${fetchOne}; done`
        const answers = (await kubectl.run(['exec', client, '--', 'sh', '-c', loop], { timeout: 600_000 })).trim()
        const seen = new Set(answers.split('\n').map(name => byName.get(name.trim()) ?? name))
        assert.deepEqual([...seen].sort(), ['nodes', 'nodes-2', 'nodes-3'], `from ${node} to ${address}`)
      }
  })

  it('lose one to a power cut: its pods come back on the others', async () => {
    const status = JSON.parse((await cluster.command('status', '-o', 'json')).stdout)
    const agent = status.components.find((each: { component: string }) => each.component === 'node/nodes-3/agent')
    // The node's containerd and agent are killed with everything else in its process namespace when its first process dies.
    cluster.powerOff('nodes-3', agent.pid)
    await kubectl.wait('node/nodes-3', 'condition=Ready=Unknown')
    await kubectl.wait('deployment/web', 'jsonpath={.status.availableReplicas}=6')
    const nodes = new Set((await pods()).filter(pod => pod.node !== 'nodes-3').map(pod => pod.node))
    assert.deepEqual([...nodes].sort(), ['nodes', 'nodes-2'])
    assert.ok((await pods()).filter(pod => pod.node !== 'nodes-3').length >= 6)
  })

  it('take it back when it is started again', async () => {
    await cluster.up()
    await kubectl.wait('node/nodes-3', 'condition=Ready')
  })
})
