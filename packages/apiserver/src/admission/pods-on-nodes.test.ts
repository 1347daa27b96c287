/** What admission does to pods by the node that they are on. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { nodeDeclaredFeatureValidator } from './node-declared-features.ts'
import { podResizeValidator } from './pod-resize.ts'
import { podTopologyLabels } from './pod-topology-labels.ts'

const PODS = '/api/v1/namespaces/default/pods'
const MERGE = { 'content-type': 'application/strategic-merge-patch+json' }
const ZONED = { 'topology.kubernetes.io/zone': 'z1', 'topology.kubernetes.io/region': 'r1' }

const resources = (cpu: string, memory: string) => ({ requests: { cpu, memory } })
const pod = (name: string, more: object = {}, labels?: object): object => ({
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
  spec: { containers: [{ name: 'c', image: 'i', resources: resources('100m', '100Mi') }], ...more },
})

describe('pods on nodes', () => {
  let server: MemoryServer

  before(async () => {
    server = await startMemoryServer({
      admission: context => [
        podTopologyLabels(context),
        nodeDeclaredFeatureValidator(context),
        podResizeValidator(context),
      ],
    })
    const node = (name: string, labels: object, declaredFeatures?: string[]): object => ({
      metadata: { name, labels },
      status: { allocatable: { cpu: '2', memory: '1Gi' }, ...(declaredFeatures ? { declaredFeatures } : {}) },
    })
    for (const each of [
      node('zoned', { ...ZONED, 'kubernetes.io/hostname': 'zoned', 'kubernetes.io/os': 'linux' }),
      node('plain', {}),
      node('able', {}, ['InPlacePodLevelResourcesVerticalScaling', 'InPlacePodVerticalScalingInitContainers']),
      node('other', { 'kubernetes.io/os': 'windows' }),
    ]) {
      assert.equal((await server.send('POST', '/api/v1/nodes', each)).status, 201)
    }
  })
  after(() => server.stop())

  const labelsOf = async (name: string): Promise<object | undefined> =>
    (await server.send('GET', `${PODS}/${name}`)).json.metadata.labels
  const bind = (name: string, node: string, kind: string | undefined = 'Node') =>
    server.send('POST', `${PODS}/${name}/binding`, { metadata: { name }, target: { kind, name: node } })

  it('learn zone and region when they are bound, over what they said themselves', async () => {
    await server.send('POST', PODS, pod('bound', {}, { app: 'a', 'topology.kubernetes.io/zone': 'mine' }))
    assert.equal((await bind('bound', 'zoned')).status, 201)
    assert.deepEqual(await labelsOf('bound'), { app: 'a', ...ZONED })
  })

  it('learn them when they are created on their node', async () => {
    await server.send('POST', PODS, pod('created', { nodeName: 'zoned' }))
    assert.deepEqual(await labelsOf('created'), ZONED)
  })

  it('learn nothing of nodes without them, or that are not there', async () => {
    for (const node of ['plain', 'missing']) {
      await server.send('POST', PODS, pod(`on-${node}`))
      assert.equal((await bind(`on-${node}`, node)).status, 201)
      assert.equal(await labelsOf(`on-${node}`), undefined)
    }
  })

  const resize = (name: string, cpu: string, memory: string) =>
    server.send(
      'PATCH',
      `${PODS}/${name}/resize`,
      { spec: { containers: [{ name: 'c', resources: resources(cpu, memory) }] } },
      MERGE,
    )

  it('grow up to what their node has', async () => {
    await server.send('POST', PODS, pod('grows', { nodeName: 'zoned' }))
    const grown = await resize('grows', '2', '1Gi')
    assert.equal(grown.status, 200, grown.text)
    const { status, json } = await resize('grows', '2500m', '2Gi')
    assert.equal(status, 403)
    assert.equal(
      json.message,
      `pods "grows" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2500, allocatable: 2000; memory, requested: ${2 ** 31}, allocatable: ${2 ** 30}`,
    )
    assert.deepEqual(json.details.causes, [{ reason: 'NodeCapacity' }])
  })

  it('grow on nodes of Linux that are there', async () => {
    await server.send('POST', PODS, pod('elsewhere', { nodeName: 'other' }))
    await server.send('POST', PODS, pod('nowhere', { nodeName: 'missing' }))
    await server.send('POST', PODS, pod('waiting'))
    const other = await resize('elsewhere', '200m', '100Mi')
    assert.match(other.json.message, /pod resize is only supported on linux nodes, node "other" is "windows"$/)
    assert.deepEqual(other.json.details.causes, [{ reason: 'UnsupportedPlatform' }])
    assert.match((await resize('nowhere', '200m', '100Mi')).json.message, /node "missing" not found$/)
    assert.equal((await resize('waiting', '200m', '100Mi')).status, 200)
  })

  describe('are changed only into what their node says that it can do', () => {
    const FEATURES = ['InPlacePodLevelResourcesVerticalScaling', 'InPlacePodVerticalScalingInitContainers'] as const
    const init = (cpu: string) => [{ name: 'i', image: 'i', resources: { requests: { cpu } } }]
    const podLevel = { spec: { resources: resources('300m', '300Mi') } }
    const ofInit = { spec: { initContainers: init('200m') } }
    const cases: [string, string, object, readonly string[]][] = [
      ['resources of the pod, on a node that can', 'able', podLevel, []],
      ['resources of an init container, on a node that can', 'able', ofInit, []],
      ['resources of the pod, on another node', 'plain', podLevel, [FEATURES[0]]],
      ['resources of an init container, on another node', 'plain', ofInit, [FEATURES[1]]],
      ['both at once', 'plain', { spec: { ...podLevel.spec, ...ofInit.spec } }, FEATURES],
      [
        'resources of containers',
        'plain',
        { spec: { containers: [{ name: 'c', resources: resources('150m', '100Mi') }] } },
        [],
      ],
      ['the same amount in other words', 'plain', { spec: { resources: { requests: { cpu: '0.2' } } } }, []],
    ]
    for (const [index, [what, nodeName, patch, missing]] of cases.entries()) {
      it(`${what}: ${missing.length === 0 ? 'let through' : 'refused'}`, async () => {
        const name = `declared-${index}`
        const spec = { nodeName, resources: resources('200m', '200Mi'), initContainers: init('100m') }
        assert.equal((await server.send('POST', PODS, pod(name, spec))).status, 201)
        const { status, json, text } = await server.send('PATCH', `${PODS}/${name}/resize`, patch, MERGE)
        if (missing.length === 0) assert.equal(status, 200, text)
        else {
          assert.equal(status, 403, text)
          assert.equal(
            json.message,
            `pods "${name}" is forbidden: pod update requires features ${missing.join(', ')} which are not available on node "${nodeName}"`,
          )
        }
      })
    }

    it('and where the node is gone, not at all', async () => {
      await server.send('POST', PODS, pod('orphaned', { nodeName: 'missing', resources: resources('200m', '200Mi') }))
      const { json } = await server.send('PATCH', `${PODS}/orphaned/resize`, podLevel, MERGE)
      assert.equal(json.message, 'pods "orphaned" is forbidden: node "missing" not found')
    })
  })
})
