/** Persistent volumes on two nodes with real containers: the default class makes them, they outlive what uses them, and go with their claims. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { containerSkip, TestCluster } from './support/cluster.ts'
import { until } from './support/until.ts'

const manifest = fileURLToPath(new URL('manifests/volumes.yaml', import.meta.url))

interface Component {
  component: string
  pid?: number
}

describe('volumes', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('disks')
  const { kubectl } = cluster
  const nodes = ['disks', 'disks-2']

  const get = (what: string, path: string): Promise<string> =>
    kubectl.run(['get', ...what.split(' '), '-o', `jsonpath=${path}`])
  const inPod = async (pod: string, script: string): Promise<string> =>
    (await kubectl.run(['exec', pod, '--', 'sh', '-c', script])).trim()
  const rolledOut = (): Promise<string> => kubectl.run(['rollout', 'status', 'statefulset/db', '--timeout=170s'])
  const gone = (...what: string[]): Promise<string> => kubectl.run(['wait', ...what, '--for=delete', '--timeout=170s'])
  /** Of the volumes of both nodes: the directories of a claim. */
  const directoriesOf = (claim: string): string[] =>
    nodes
      .map(node => join(cluster.home, 'clusters/disks/nodes', node, 'volumes'))
      .flatMap(root => (existsSync(root) ? readdirSync(root).map(name => join(root, name)) : []))
      .filter(path => path.endsWith(`_default_${claim}`))
  const write = (pod: string): Promise<string> => inPod(pod, `echo "I am ${pod}" > /data/who; echo part > /part/file`)
  const kept = async (): Promise<void> => {
    for (const pod of ['db-0', 'db-1']) {
      assert.equal(await inPod(pod, 'cat /data/who'), `I am ${pod}`)
      assert.equal(await inPod(pod, 'cat /data/part/file'), 'part')
    }
  }

  const untilRuns = (pod: string): Promise<void> =>
    until(`${pod} runs`, async () => (await kubectl.try(['exec', pod, '--', 'true'])).code === 0)

  /** Deletes a pod of the set and waits for the one that takes its place. */
  const remade = async (pod: string): Promise<void> => {
    const uid = await get(`pod ${pod}`, '{.metadata.uid}')
    await kubectl.run(['delete', 'pod', pod])
    const path = 'jsonpath={.metadata.uid} {.status.conditions[?(@.type=="Ready")].status}'
    await until(`another ${pod} is ready`, async () => {
      const [now, ready] = (await kubectl.try(['get', 'pod', pod, '-o', path])).stdout.split(' ')
      return now !== uid && ready === 'True'
    })
  }

  before(async () => {
    await cluster.up('--nodes', '2')
    await kubectl.run(['apply', '-f', manifest])
  })
  after(() => cluster.remove())

  it('are made by the default class, on the node of the pod', async () => {
    assert.match(
      await kubectl.run(['get', 'storageclass']),
      /^standard \(default\) +canopus\.io\/local-path +Delete +WaitForFirstConsumer +true /m,
    )
    await rolledOut()
    assert.equal(await get('csinodes', '{.items[*].metadata.name}'), nodes.join(' '))
    for (const pod of ['db-0', 'db-1']) {
      assert.equal(await get(`pvc data-${pod}`, '{.status.phase} {.status.capacity.storage}'), 'Bound 64Mi')
      const volume = await get(`pvc data-${pod}`, '{.spec.volumeName}')
      const path = '{.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]}'
      assert.equal(await get(`pv ${volume}`, path), await get(`pod ${pod}`, '{.spec.nodeName}'))
      assert.equal(directoriesOf(`data-${pod}`).length, 1)
      await write(pod)
    }
    await kept()
  })

  it('are for the group that the pod names', async () => {
    assert.match(await inPod('db-0', 'cat /data/groups'), /\b2000\b/)
    assert.equal(await inPod('db-0', 'stat -c "%g %a" /data'), '2000 2777')
  })

  it('outlive pods, and keep them on their node', async () => {
    const node = await get('pod db-1', '{.spec.nodeName}')
    await remade('db-1')
    assert.equal(await get('pod db-1', '{.spec.nodeName}'), node)
    await kept()
  })

  it('outlive the node agent', async () => {
    const { components } = JSON.parse((await cluster.tryCommand('status', '-o', 'json')).stdout)
    const agents = (components as Component[]).filter(each => each.component.endsWith('/agent'))
    assert.equal(agents.length, 2)
    for (const { pid } of agents) process.kill(pid!, 'SIGKILL')
    await cluster.up()
    await kept()
    await remade('db-0')
    await kept()
  })

  it('are protected while a pod uses them', async () => {
    await kubectl.run(['delete', 'pvc', 'data-db-0', '--wait=false'])
    assert.match(await kubectl.run(['get', 'pvc', 'data-db-0']), /^data-db-0 +Terminating /m)
    await kept()
    await remade('db-0')
    assert.equal(await inPod('db-0', 'ls /data'), 'groups\npart')
    await write('db-0')
  })

  it('grow', async () => {
    await kubectl.run(['patch', 'pvc', 'data-db-0', '-p', '{"spec":{"resources":{"requests":{"storage":"128Mi"}}}}'])
    await kubectl.wait('pvc/data-db-0', 'jsonpath={.status.capacity.storage}=128Mi')
    await until('an event tells of it', async () =>
      /VolumeResizeSuccessful/.test(await kubectl.run(['describe', 'pvc', 'data-db-0'])),
    )
  })

  it('outlive the cluster being stopped', async () => {
    await cluster.command('stop', '--grace', '1')
    await cluster.up()
    // The pods' status still tells of the time before.
    for (const pod of ['db-0', 'db-1']) await untilRuns(pod)
    await kept()
  })

  it('of a pod’s own template go with the pod', async () => {
    await kubectl.wait('pod/scratch', 'condition=Ready')
    assert.equal(directoriesOf('scratch-scratch').length, 1)
    const volume = await get('pvc scratch-scratch', '{.spec.volumeName}')
    await kubectl.run(['delete', 'pod', 'scratch'])
    await gone('pvc/scratch-scratch', `pv/${volume}`)
    assert.deepEqual(directoriesOf('scratch-scratch'), [])
  })

  it('go where the set says that they go with their pods', async () => {
    const volume = await get('pvc data-db-1', '{.spec.volumeName}')
    await kubectl.run(['scale', 'statefulset/db', '--replicas=1'])
    await gone('pvc/data-db-1', `pv/${volume}`)
    assert.deepEqual(directoriesOf('data-db-1'), [])
    assert.equal(await inPod('db-0', 'cat /data/who'), 'I am db-0')
    const rest = await get('pvc data-db-0', '{.spec.volumeName}')
    await kubectl.run(['delete', 'statefulset', 'db'])
    await gone('pvc/data-db-0', `pv/${rest}`)
    assert.deepEqual(directoriesOf('data-db-0'), [])
  })

  it('go with the cluster', async () => {
    await kubectl.run(['apply', '-f', manifest])
    await kubectl.wait('pod/scratch', 'condition=Ready')
    assert.equal(directoriesOf('scratch-scratch').length, 1)
    await cluster.command('delete')
    assert.deepEqual(directoriesOf('scratch-scratch'), [])
  })
})
