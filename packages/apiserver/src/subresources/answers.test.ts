/** What parts of objects that are written by themselves answer, told by upstream's own server for the same requests. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const NS = '/api/v1/namespaces/default'
const APPS = '/apis/apps/v1/namespaces/default'
const limits = { cpu: '1', memory: '1Gi' }
const container = { name: 'c', image: 'i', resources: { limits, requests: limits } }
const pod = (name: string, spec: object = {}) => ({ metadata: { name }, spec: { containers: [container], ...spec } })
const resized = (name: string, more: object, spec: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ ...container, ...more }], ...spec },
})
const scale = (metadata: object, spec: object = { replicas: 2 }) => ({ metadata: { name: 'd', ...metadata }, spec })
const ephemeral = (name: string, more: object) => ({
  ...pod(name),
  spec: { ...pod(name).spec, ephemeralContainers: [{ name: 'e', image: 'i', ...more }] },
})
const evicting = (name: string, deleteOptions: object) => ({ metadata: { name }, deleteOptions })
const status = (name: string, more: object) => ({ ...pod(name), status: more })
const user = { name: 'c', image: 'i', imageID: 'x', ready: true, restartCount: 0, user: { linux: { uid: -1, gid: 0 } } }
const ONLY_COMPUTE = 'Pod "p" is invalid: spec: Forbidden: only cpu and memory resources are mutable'

type Row = readonly [name: string, method: string, path: string, body: object, code: number, message?: string]

const rows: readonly Row[] = [
  ['more CPU', 'PUT', 'pods/p/resize', resized('p', { resources: { limits: { ...limits, cpu: '2' } } }), 200],
  ['another policy', 'PUT', 'pods/p/resize', resized('p', { resizePolicy: [] }), 200],
  [
    'a policy where there was another',
    'PUT',
    'pods/p/resize',
    resized('p', { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] }),
    422,
    ONLY_COMPUTE,
  ],
  [
    'resources of the pod in which nothing is',
    'PUT',
    'pods/p/resize',
    resized('p', {}, { resources: {} }),
    422,
    'Pod "p" is invalid: spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing',
  ],
  [
    'a pod of Windows',
    'PUT',
    'pods/w/resize',
    resized('w', {}),
    422,
    'Pod "w" is invalid: []: Forbidden: windows pods cannot be resized',
  ],
  ['a signal, whose feature is off', 'PUT', 'pods/p/ephemeralcontainers', ephemeral('p', { lifecycle: stop() }), 200],
  [
    'ports of which there are none',
    'PUT',
    'pods/p/ephemeralcontainers',
    ephemeral('p', { ports: [] }),
    422,
    'Pod "p" is invalid: spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
  ],
  [
    'labels of a scale',
    'PUT',
    `${APPS}/deployments/d/scale`,
    scale({ labels: { a: '!' } }),
    422,
    'Scale.autoscaling "d" is invalid: metadata.labels: Invalid value: "!"',
  ],
  [
    'another uid of a scale',
    'PUT',
    `${APPS}/deployments/d/scale`,
    scale({ uid: 'x' }),
    409,
    'Operation cannot be fulfilled on deployments.apps "d": StorageError: invalid object',
  ],
  [
    'a version of a scale that is no number',
    'PUT',
    `${APPS}/deployments/d/scale`,
    scale({ resourceVersion: 'x' }),
    500,
    'strconv.ParseUint: parsing "x": invalid syntax',
  ],
  ['an eviction', 'POST', 'pods/p/eviction', evicting('p', {}), 201],
  [
    'an eviction of another pod of the name',
    'POST',
    'pods/p/eviction',
    evicting('p', { preconditions: { uid: 'x' } }),
    409,
    'Operation cannot be fulfilled on Pod "p": the UID in the precondition (x) does not match the UID in record (',
  ],
  [
    'an eviction that is tried in another way',
    'POST',
    'pods/p/eviction',
    evicting('p', { dryRun: ['x'] }),
    500,
    'Non-matching dry-run options in request and content: [All] and [x]',
  ],
  [
    'an eviction of what cannot be read',
    'POST',
    'pods/p/eviction',
    evicting('p', { ignoreStoreReadErrorWithClusterBreakingPotential: true }),
    422,
    'Eviction.policy "p" is invalid: deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential: Invalid value: true',
  ],
  [
    'labels of a binding, which nobody looks at',
    'POST',
    'pods/p/binding',
    { metadata: { name: 'p', labels: { a: '!' } }, target: { name: 'n' } },
    201,
  ],
  ['a command that is only tried', 'POST', 'pods/p/exec', {}, 400, 'dryRun is not supported'],
  ['a page that is only asked for', 'POST', 'services/s/proxy', {}, 400, 'dryRun is not supported'],
  ['a binding without a name', 'POST', 'bindings', { target: { name: 'n' } }, 400, 'Name parameter required.'],
  [
    'as whom a container runs',
    'PUT',
    'pods/p/status',
    status('p', { containerStatuses: [user] }),
    422,
    'Pod "p" is invalid: status.containerStatuses[0].user.linux.uid: Invalid value: -1: must be between 0 and 2147483647',
  ],
  [
    'two addresses of one family',
    'PUT',
    'pods/p/status',
    status('p', { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: '10.0.0.1' }] }),
    422,
    'Pod "p" is invalid: status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.1"}]: may specify no more than one',
  ],
]

function stop(): object {
  return { stopSignal: 'SIGINT' }
}

describe('parts of objects', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } }
    await server.send('POST', `${NS}/pods`, pod('p'))
    await server.send('POST', `${NS}/pods`, { ...pod('w'), spec: { containers: [container], os: { name: 'windows' } } })
    await server.send('POST', `${APPS}/deployments`, {
      metadata: { name: 'd' },
      spec: { selector: { matchLabels: { a: 'b' } }, template },
    })
  })
  after(() => server.stop())

  for (const [name, method, path, body, code, message] of rows) {
    it(name, async () => {
      const url = path.startsWith('/') ? path : `${NS}/${path}`
      const answer = await server.send(method, `${url}?dryRun=All`, body)
      assert.deepEqual([answer.status, message && answer.json.message.slice(0, message.length)], [code, message])
    })
  }

  it('a conflict about the number of replicas names the version of scales', async () => {
    const url = `${APPS}/deployments/d/scale?fieldManager=y`
    const config = { apiVersion: 'autoscaling/v1', kind: 'Scale', ...scale({}, { replicas: 5 }) }
    await server.send('PUT', `${APPS}/deployments/d/scale?fieldManager=x`, scale({}))
    const { json } = await server.send('PATCH', url, config, { 'content-type': 'application/apply-patch+yaml' })
    assert.match(json.message, /conflict with "x" with subresource "scale" using autoscaling\/v1/)
  })
})
