import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createCertificateRequest, createKey } from '@canopus/platform'
import { FeatureGates } from '../features/feature-gates.ts'
import { type Answer, type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
})
after(() => server.stop())

const PODS = '/api/v1/namespaces/default/pods'
const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
const pod = (name: string, more: object = {}): Promise<Answer> =>
  server.send('POST', PODS, {
    metadata: { name, labels: { app: name } },
    spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }], ...more },
  })
const merge = (path: string, body: unknown): Promise<Answer> =>
  server.send('PATCH', path, body, { 'content-type': 'application/merge-patch+json' })

describe('status', () => {
  it('gets defaults too', async () => {
    const services = '/api/v1/namespaces/default/services'
    await server.send('POST', services, {
      metadata: { name: 'balanced' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    })
    const { status, json } = await merge(`${services}/balanced/status`, {
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }, { hostname: 'example.com' }] } },
    })
    assert.equal(status, 200, json.message)
    assert.deepEqual(json.status.loadBalancer.ingress, [
      { ip: '203.0.113.1', ipMode: 'VIP' },
      { hostname: 'example.com' },
    ])
  })
})

describe('binding', () => {
  const bind = (name: string, node: string, metadata: object = {}): Promise<Answer> =>
    server.send('POST', `${PODS}/${name}/binding`, {
      metadata: { name, ...metadata },
      target: { kind: 'Node', name: node },
    })

  it('sets the node once', async () => {
    await pod('b1')
    const { status, json } = await bind('b1', 'n1', { annotations: { a: 'b' } })
    assert.equal(status, 201)
    assert.equal(json.status, 'Success')
    const { json: bound } = await server.send('GET', `${PODS}/b1`)
    assert.equal(bound.spec.nodeName, 'n1')
    assert.equal(bound.metadata.annotations.a, 'b')
    assert.equal(bound.status.conditions[0].type, 'PodScheduled')
    const again = await bind('b1', 'n2')
    assert.equal(again.status, 409)
    assert.match(again.json.message, /pod b1 is already assigned to node "n1"/)
  })

  it('gives the pod its labels, where that feature is on', async () => {
    const off = new FeatureGates(new Map([['PodTopologyLabelsAdmission', false]]))
    for (const [featureGates, labels] of [
      [new FeatureGates(), { app: 'p', a: 'b' }],
      [off, { app: 'p' }],
    ] as const) {
      const { send, stop } = await startMemoryServer({ featureGates })
      try {
        const spec = { containers: [{ name: 'c', image: 'i' }] }
        await send('POST', PODS, { metadata: { name: 'p', labels: { app: 'p' } }, spec })
        const metadata = { name: 'p', labels: { a: 'b' } }
        await send('POST', `${PODS}/p/binding`, { metadata, target: { kind: 'Node', name: 'n1' } })
        assert.deepEqual((await send('GET', `${PODS}/p`)).json.metadata.labels, labels)
      } finally {
        await stop()
      }
    }
  })

  it('ends the nomination of a node', async () => {
    await pod('nominated')
    await merge(`${PODS}/nominated/status`, { status: { nominatedNodeName: 'n9' } })
    assert.equal((await server.send('GET', `${PODS}/nominated`)).json.status.nominatedNodeName, 'n9')
    await bind('nominated', 'n1')
    assert.equal((await server.send('GET', `${PODS}/nominated`)).json.status.nominatedNodeName, undefined)
  })

  it('refuses other kinds of targets, missing pods and other pods of the name', async () => {
    await pod('b2')
    const other = await server.send('POST', `${PODS}/b2/binding`, {
      metadata: { name: 'b2' },
      target: { kind: 'Rock', name: 'n' },
    })
    assert.equal(other.status, 500)
    assert.equal(other.json.message, 'target.kind: Unsupported value: "Rock": supported values: "Node", "<empty>"')
    assert.equal((await bind('none', 'n1')).status, 404)
    assert.equal((await bind('b2', 'n1', { uid: 'other' })).status, 409)
    const stale = await bind('b2', 'n1', { resourceVersion: '1' })
    assert.equal(stale.status, 409)
    assert.match(stale.json.message, /ResourceVersion in precondition: 1/)
    const nameless = await server.send('POST', `${PODS}/b2/binding`, { metadata: {}, target: { name: 'n1' } })
    assert.equal(nameless.status, 400)
    assert.equal(nameless.json.message, 'name in URL does not match name in Binding object')
  })

  it('refuses a namespace that is not that of the request', async () => {
    const { status, json } = await bind('b2', 'n1', { namespace: 'other' })
    assert.equal(status, 400)
    assert.match(
      json.message,
      /^the namespace of the provided object does not match the namespace sent on the request$/,
    )
  })

  it('replaces the condition where it stands', async () => {
    await pod('waiting')
    const conditions = [
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', observedGeneration: 1 },
      { type: 'Other', status: 'True' },
    ]
    await merge(`${PODS}/waiting/status`, { status: { conditions } })
    await bind('waiting', 'n1')
    const { json } = await server.send('GET', `${PODS}/waiting`)
    const [{ lastTransitionTime, ...first }, second] = json.status.conditions
    assert.deepEqual([first, second.type], [{ type: 'PodScheduled', status: 'True', lastProbeTime: null }, 'Other'])
    assert.ok(lastTransitionTime)
  })

  it('is also a resource of its own', async () => {
    await pod('b3')
    const body = { metadata: { name: 'b3', uid: 'not-the-pods' }, target: { name: 'n1' } }
    assert.equal((await server.send('POST', '/api/v1/namespaces/default/bindings', body)).status, 201)
    assert.equal((await server.send('GET', `${PODS}/b3`)).json.spec.nodeName, 'n1')
  })
})

describe('eviction', () => {
  const evict = (name: string, more: object = {}): Promise<Answer> =>
    server.send('POST', `${PODS}/${name}/eviction`, {
      kind: 'Eviction',
      apiVersion: 'policy/v1',
      metadata: { name, namespace: 'default' },
      ...more,
    })
  async function ready(name: string): Promise<void> {
    await pod(name, { nodeName: 'n1' })
    const { status } = await merge(`${PODS}/${name}/status`, {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    })
    assert.equal(status, 200)
  }

  it('deletes where no budget speaks against it', async () => {
    await pod('e1')
    assert.equal((await evict('e1')).status, 201)
    assert.equal((await server.send('GET', `${PODS}/e1`)).status, 404)
  })

  it('may be asked for in the older form too, and in no other', async () => {
    await pod('e3')
    const unknown = await evict('e3', { apiVersion: 'policy/v1beta2' })
    assert.match(unknown.json.message, /no kind "Eviction" is registered for version "policy\/v1beta2"/)
    assert.equal((await evict('e3', { apiVersion: 'policy/v1beta1' })).status, 201)
    assert.equal((await server.send('GET', `${PODS}/e3`)).status, 404)
  })

  it('asks the budget, and charges it', async () => {
    await ready('e2')
    const { json: budget } = await server.send('POST', BUDGETS, {
      metadata: { name: 'budget' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'e2' } } },
    })
    const unseen = await evict('e2')
    assert.equal(unseen.status, 429)
    assert.equal(unseen.json.details.causes[0].reason, 'DisruptionBudget')
    assert.match(unseen.json.details.causes[0].message, /still being processed/)
    assert.equal(unseen.headers['retry-after'], '10')
    const status = {
      observedGeneration: 1,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
      disruptionsAllowed: 0,
    }
    await server.send('PUT', `${BUDGETS}/budget/status`, { ...budget, status })
    const full = await evict('e2')
    assert.equal(full.status, 429)
    assert.equal(full.json.message, "Cannot evict pod as it would violate the pod's disruption budget.")
    assert.equal(
      full.json.details.causes[0].message,
      'The disruption budget budget needs 1 healthy pods and has 1 currently',
    )
    await merge(`${BUDGETS}/budget/status`, { status: { disruptionsAllowed: 1 } })
    assert.equal((await evict('e2', { deleteOptions: { dryRun: ['All'] } })).status, 201)
    assert.equal((await evict('e2')).status, 201)
    const { json: charged } = await server.send('GET', `${BUDGETS}/budget`)
    assert.equal(charged.status.disruptionsAllowed, 0)
    assert.deepEqual(Object.keys(charged.status.disruptedPods), ['e2'])
    const { json: evicted } = await server.send('GET', `${PODS}/e2`)
    assert.equal(evicted.metadata.deletionGracePeriodSeconds, 30)
    assert.ok(evicted.status.conditions.some((each: { type: string }) => each.type === 'DisruptionTarget'))
  })
})

describe('eviction of pods that do not serve', () => {
  type Health = [currentHealthy: number, desiredHealthy: number]
  const cases: [what: string, policy: string | undefined, health: Health, status: number][] = [
    ['enough others serve', undefined, [2, 2], 201],
    ['too few serve', undefined, [1, 2], 429],
    ['nobody need serve', 'IfHealthyBudget', [0, 0], 429],
    ['too few serve, and that does not matter', 'AlwaysAllow', [1, 2], 201],
  ]
  for (const [what, unhealthyPodEvictionPolicy, [currentHealthy, desiredHealthy], expected] of cases)
    it(`${what}: ${expected}`, async () => {
      const app = `sick-${cases.findIndex(each => each[0] === what)}`
      await pod(app, { nodeName: 'n1' })
      const notReady = { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] }
      await merge(`${PODS}/${app}/status`, { status: notReady })
      const { json: budget } = await server.send('POST', BUDGETS, {
        metadata: { name: app },
        spec: {
          minAvailable: 2,
          selector: { matchLabels: { app } },
          ...(unhealthyPodEvictionPolicy ? { unhealthyPodEvictionPolicy } : {}),
        },
      })
      const status = { observedGeneration: 1, currentHealthy, desiredHealthy, expectedPods: 3, disruptionsAllowed: 0 }
      await server.send('PUT', `${BUDGETS}/${app}/status`, { ...budget, status })
      const eviction = { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name: app, namespace: 'default' } }
      assert.equal((await server.send('POST', `${PODS}/${app}/eviction`, eviction)).status, expected)
      const { json: after } = await server.send('GET', `${BUDGETS}/${app}`)
      assert.equal(after.status.disruptedPods, undefined, 'a pod that does not serve costs the budget nothing')
    })
})

describe('views of a pod', () => {
  it('adds ephemeral containers, and only adds', async () => {
    await pod('v1')
    const path = `${PODS}/v1/ephemeralcontainers`
    const strategic = { 'content-type': 'application/strategic-merge-patch+json' }
    const debug = { name: 'debug', image: 'busybox' }
    const { status, json } = await server.send('PATCH', path, { spec: { ephemeralContainers: [debug] } }, strategic)
    assert.equal(status, 200, json.message)
    assert.equal(json.spec.ephemeralContainers[0].name, 'debug')
    assert.equal(json.metadata.generation, 2)
    const removed = await merge(path, { spec: { ephemeralContainers: [] } })
    assert.equal(removed.status, 422)
    assert.match(removed.json.message, /may not be removed/)
    const sneaky = await merge(path, { spec: { containers: [{ name: 'c', image: 'other' }] } })
    assert.equal(sneaky.json.spec?.containers[0].image ?? 'i', 'i')
  })

  it('fills in what an ephemeral container leaves out, so that putting it again changes nothing', async () => {
    await pod('v3')
    const path = `${PODS}/v3/ephemeralcontainers`
    const { json } = await server.send('GET', `${PODS}/v3`)
    const wanted = { ...json, spec: { ...json.spec, ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }] } }
    const { json: first } = await server.send('PUT', path, wanted)
    assert.equal(first.spec.ephemeralContainers[0].imagePullPolicy, 'IfNotPresent')
    const { resourceVersion: _, ...metadata } = wanted.metadata
    const { json: again } = await server.send('PUT', path, { ...wanted, metadata })
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion)
  })

  it('resizes cpu and memory', async () => {
    await pod('v2')
    const { status, json } = await server.send(
      'PATCH',
      `${PODS}/v2/resize`,
      { spec: { containers: [{ name: 'c', image: 'other', resources: { requests: { cpu: '2' } } }] } },
      { 'content-type': 'application/strategic-merge-patch+json' },
    )
    assert.equal(status, 200, json.message)
    assert.equal(json.spec.containers[0].resources.requests.cpu, '2')
    assert.equal(json.spec.containers[0].image, 'i')
    assert.equal(json.metadata.generation, 2)
  })

  const init = (cpu: string, more: object = {}) => ({
    name: 'i',
    image: 'i',
    resources: { requests: { cpu } },
    ...more,
  })
  const restarts = { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }
  const resizes: [string, object, object, string | undefined][] = [
    ['init containers', init('1'), init('2'), undefined],
    ['sidecars that restart for it', init('1', { restartPolicy: 'Always', ...restarts }), init('2'), undefined],
    [
      'nothing but cpu and memory of init containers',
      init('1'),
      { ...init('1'), resources: { requests: { cpu: '1', 'ephemeral-storage': '1Gi' } } },
      'spec.initContainers[0]: Forbidden: only cpu and memory resources for init or sidecar containers are mutable',
    ],
    [
      'away no request of an init container',
      init('1'),
      { name: 'i', resources: { requests: { cpu: null } } },
      'spec.initContainers[0].resources.requests: Forbidden: resource requests cannot be removed',
    ],
  ]
  for (const [index, [what, before, after, problem]] of resizes.entries()) {
    it(`resizes ${what}`, async () => {
      await pod(`init-${index}`, { initContainers: [before] })
      const headers = { 'content-type': 'application/strategic-merge-patch+json' }
      const body = { spec: { initContainers: [after] } }
      const { status, json } = await server.send('PATCH', `${PODS}/init-${index}/resize`, body, headers)
      assert.equal(status, problem === undefined ? 200 : 422, json.message)
      if (problem !== undefined) assert.ok(String(json.message).includes(problem), json.message)
    })
  }
})

describe('namespaces/finalize', () => {
  it('checks the names of finalizers and takes over nothing but the spec', async () => {
    const { json } = await server.send('POST', '/api/v1/namespaces', { metadata: { name: 'held' } })
    const put = (finalizers: string[]): Promise<Answer> =>
      server.send('PUT', '/api/v1/namespaces/held/finalize', { ...json, spec: { finalizers }, status: { phase: 'X' } })
    const refused = await put(['short'])
    assert.equal(refused.status, 422)
    assert.match(refused.json.message, /neither a standard finalizer name nor is it fully qualified/)
    const { json: finalized } = await put(['example.com/hold'])
    assert.deepEqual(finalized.spec.finalizers, ['example.com/hold'])
    assert.equal(finalized.status.phase, 'Active')
  })
})

describe('certificate signing requests', () => {
  const PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
  it('note who asks, and are approved once', async () => {
    const request = createCertificateRequest(await createKey(), { commonName: 'somebody' })
    const { json: created, status } = await server.send('POST', PATH, {
      metadata: { name: 'r' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'example.com/s',
        usages: ['client auth'],
        username: 'liar',
      },
    })
    assert.equal(status, 201, created.message)
    assert.equal(created.spec.username, 'tester')
    const condition = { type: 'Approved', status: 'True', reason: 'r', message: 'm' }
    const approved = await server.send('PUT', `${PATH}/r/approval`, { ...created, status: { conditions: [condition] } })
    assert.equal(approved.status, 200)
    assert.match(approved.json.status.conditions[0].lastTransitionTime, /Z$/)
    const denied = await server.send('PUT', `${PATH}/r/approval`, {
      ...approved.json,
      status: { conditions: [...approved.json.status.conditions, { ...condition, type: 'Denied' }] },
    })
    assert.equal(denied.status, 422)
  })
})

describe('what is passed on to kubelets', () => {
  const pods = '/api/v1/namespaces/default/pods'
  before(async () => {
    const spec = { nodeName: 'ghost', containers: [{ name: 'c', image: 'i' }] }
    await server.send('POST', pods, { metadata: { name: 'haunted' }, spec })
  })
  const rows: readonly [method: string, path: string, code: number, message: string][] = [
    ['GET', 'haunted/attach', 404, 'pods "ghost" not found'],
    ['GET', 'haunted/log', 404, 'pods "ghost" not found'],
    [
      'POST',
      'none/portforward?ports=x',
      400,
      'cannot convert to []int32: strconv.ParseUint: parsing "x": invalid syntax',
    ],
    [
      ...(['POST', 'none/portforward?ports=80,70000', 400] as const),
      'cannot convert to []int32: strconv.ParseUint: parsing "70000": value out of range',
    ],
    ['GET', 'none/log?tailLines', 400, 'strconv.ParseInt: parsing "": invalid syntax'],
    ['GET', 'none/log?stream=1', 422, 'PodLogOptions "none" is invalid: stream: Forbidden: may not be specified'],
    ['DELETE', 'haunted/exec', 405, 'the server does not allow this method on the requested resource'],
  ]
  for (const [method, path, code, message] of rows) {
    it(`${method} ${path}: ${code}`, async () => {
      const { status, json } = await server.send(method, `${pods}/${path}`)
      assert.deepEqual([status, json.message], [code, message])
    })
  }

  it('no route answers in a form that it does not have, whatever was sent', async () => {
    const headers = { 'content-type': 'application/json', accept: 'text/plain' }
    for (const path of ['haunted/binding', 'haunted/eviction']) {
      assert.equal((await server.send('POST', `${pods}/${path}`, {}, headers)).status, 406)
    }
  })
})

describe('services', () => {
  const PATH = '/api/v1/namespaces/default/services'
  const service = (name: string, spec: object): Promise<Answer> =>
    server.send('POST', PATH, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } })

  it('get addresses and ports, and give them back', async () => {
    const { json } = await service('s1', { type: 'NodePort', clusterIP: '10.96.0.50' })
    assert.deepEqual(json.spec.clusterIPs, ['10.96.0.50'])
    assert.deepEqual(json.spec.ipFamilies, ['IPv4'])
    assert.equal(json.spec.ipFamilyPolicy, 'SingleStack')
    const { nodePort } = json.spec.ports[0]
    assert.ok(nodePort >= 30000 && nodePort <= 32767)
    const taken = await service('s2', { clusterIP: '10.96.0.50' })
    assert.equal(taken.status, 422)
    assert.match(
      taken.json.message,
      /spec.clusterIPs: Invalid value: \["10.96.0.50"\]: failed to allocate IP 10.96.0.50: provided IP is already allocated/,
    )
    assert.match(
      (await service('s2', { clusterIP: '300.1.1.1' })).json.message,
      /spec.clusterIPs\[0\]: Invalid value: "300.1.1.1": must be a valid IP address, \(e.g. 10.9.8.7 or 2001:db8::ffff\)/,
    )
    const port = await service('s2', { type: 'NodePort', ports: [{ port: 80, nodePort }] })
    assert.match(port.json.message, /spec.ports\[0\].nodePort: Invalid value: \d+: provided port is already allocated/)
    await server.send('DELETE', `${PATH}/s1`)
    await server.send('GET', PATH)
    assert.equal((await service('s2', { clusterIP: '10.96.0.50' })).status, 201)
  })

  it('reserve nothing on a dry run or for a refused service', async () => {
    const dry = { metadata: { name: 'dry' }, spec: { clusterIP: '10.96.0.60', ports: [{ port: 80 }] } }
    assert.equal((await server.send('POST', `${PATH}?dryRun=All`, dry)).status, 201)
    assert.equal((await service('BAD', { clusterIP: '10.96.0.60' })).status, 422)
    assert.equal((await service('s3', { clusterIP: '10.96.0.60' })).status, 201)
  })

  it('show on a dry run what nobody could have, and are held against what is taken in ports alone', async () => {
    type Tried = { clusterIP: string; ports: { nodePort: number }[]; healthCheckNodePort: number }
    const trial = (spec: object): Promise<{ status: number; json: { message: string; spec: Tried } }> =>
      server.send('POST', `${PATH}?dryRun=All`, {
        metadata: { name: 'trial' },
        spec: { ports: [{ port: 80 }], ...spec },
      })
    const { json } = await trial({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
    const { clusterIP, ports, healthCheckNodePort } = json.spec
    assert.deepEqual([clusterIP, ports[0]!.nodePort, healthCheckNodePort], ['10.96.0.0', 32769, 32770])
    await service('taken', { type: 'NodePort', clusterIP: '10.96.0.61', ports: [{ port: 80, nodePort: 30061 }] })
    const taken: readonly [object, number, RegExp][] = [
      [{ clusterIP: '10.96.0.61' }, 201, /^$/],
      [{ clusterIP: '192.168.1.1' }, 422, /The range of valid IPs is 10.96.0.0\/16$/],
      [{ type: 'NodePort', ports: [{ port: 80, nodePort: 30061 }] }, 422, /provided port is already allocated/],
      [{ type: 'NodePort', ports: [{ port: 80, nodePort: 99 }] }, 201, /^$/],
    ]
    for (const [spec, status, message] of taken) {
      const answer = await trial(spec)
      assert.equal(answer.status, status)
      assert.match(answer.json.message ?? '', message)
    }
  })

  it('keep what they have when they are replaced', async () => {
    const { json } = await service('s4', { type: 'NodePort' })
    const { clusterIP: _, clusterIPs: __, ...spec } = json.spec
    const replaced = await server.send('PUT', `${PATH}/s4`, { ...json, spec: { ...spec, selector: { a: 'b' } } })
    assert.equal(replaced.status, 200, replaced.json.message)
    assert.equal(replaced.json.spec.clusterIP, json.spec.clusterIP)
    assert.equal(replaced.json.spec.ports[0].nodePort, json.spec.ports[0].nodePort)
  })

  const refused: readonly [string, object, RegExp][] = [
    ['addresses out of range', { clusterIP: '192.168.1.1' }, /the provided network does not match the current range/],
    ['addresses of the network', { clusterIP: '10.96.0.0' }, /the provided network does not match the current range/],
    [
      'ports out of range',
      { type: 'NodePort', ports: [{ port: 80, nodePort: 99 }] },
      /The range of valid ports is 30000-32767/,
    ],
    ['families that are not there', { ipFamilies: ['IPv6'] }, /not configured on this cluster/],
  ]
  for (const [name, spec, message] of refused) {
    it(`refuses ${name}`, async () => {
      const { status, json } = await service('refused', spec)
      assert.equal(status, 422, json.message)
      assert.match(json.message, message)
    })
  }

  it('share a node port between protocols of one port', async () => {
    const ports = [
      { name: 't', port: 53, protocol: 'TCP' },
      { name: 'u', port: 53, protocol: 'UDP' },
    ]
    const { json } = await service('dns', { type: 'NodePort', ports })
    assert.equal(json.spec.ports[0].nodePort, json.spec.ports[1].nodePort)
  })

  it('have no address when headless', async () => {
    const { json } = await service('headless', { clusterIP: 'None', selector: { a: 'b' } })
    assert.deepEqual(json.spec.clusterIPs, ['None'])
    assert.equal(json.spec.ipFamilyPolicy, 'SingleStack')
  })

  it('logged no error', () => assert.deepEqual(server.errors, []))
})
