/** Other versions of stable kinds, and resources that are not served, on a whole API server. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'
import { FeatureGates } from './feature-gates.ts'
import { kindsOfFeatures, parseRuntimeConfig } from './runtime-config.ts'

describe('--runtime-config on a server', () => {
  let server: MemoryServer
  before(async () => {
    const config = parseRuntimeConfig(['api/beta=true', 'batch/v1/cronjobs=false', 'policy/v1=false'])
    server = await startMemoryServer({
      kinds: [...builtInKinds, ...kindsOfFeatures(new FeatureGates(), config)],
      isServed: type => config.enabled(type),
    })
  })
  after(() => server.stop())

  const BETA = '/apis/resource.k8s.io/v1beta2/deviceclasses'
  const STABLE = '/apis/resource.k8s.io/v1/deviceclasses'

  it('objects are the same in both versions, and stored in the stable one', async () => {
    const body = { apiVersion: 'resource.k8s.io/v1beta2', kind: 'DeviceClass', metadata: { name: 'a' }, spec: {} }
    const made = await server.send('POST', BETA, body)
    assert.equal(made.status, 201)
    assert.equal(made.json.apiVersion, 'resource.k8s.io/v1beta2')
    const text = 'resource.k8s.io/v1beta2 DeviceClass is deprecated in v1.36+, unavailable in v1.39+'
    assert.deepEqual(made.headers.warning, [`299 - "${text}"`])
    const read = await server.send('GET', `${STABLE}/a`)
    assert.deepEqual(read.json, { ...made.json, apiVersion: 'resource.k8s.io/v1' })
    assert.equal(read.headers.warning, undefined)
    const list = await server.send('GET', BETA)
    assert.deepEqual([list.json.kind, list.json.apiVersion], ['DeviceClassList', 'resource.k8s.io/v1beta2'])
    const wrong = await server.send('POST', BETA, { ...body, spec: { selectors: [{ cel: { expression: '1' } }] } })
    assert.equal(wrong.status, 422)
  })

  it('documents know both, and the stable one is preferred', async () => {
    const group = await server.send('GET', '/apis/resource.k8s.io')
    assert.deepEqual(
      group.json.versions.map(({ version }: { version: string }) => version),
      ['v1', 'v1beta2', 'v1beta1'],
    )
    assert.equal(group.json.preferredVersion.version, 'v1')
    const { json } = await server.send('GET', '/openapi/v3/apis/resource.k8s.io/v1beta2')
    const schemas = Object.keys(json.components.schemas)
    assert.ok(schemas.includes('io.k8s.api.resource.v1beta2.DeviceClass'))
    assert.ok(!schemas.some(name => name.startsWith('io.k8s.api.resource.v1.')))
  })

  it('requests and devices have the shape of their version', async () => {
    const folder = '/namespaces/default/resourceclaims'
    const old = { name: 'r', deviceClassName: 'c', adminAccess: undefined }
    const made = await server.send('POST', `/apis/resource.k8s.io/v1beta1${folder}`, {
      metadata: { name: 'a' },
      spec: { devices: { requests: [old, { name: 's', firstAvailable: [{ name: 't', deviceClassName: 'c' }] }] } },
    })
    assert.equal(made.status, 201, made.text)
    const defaults = { deviceClassName: 'c', allocationMode: 'ExactCount', count: 1 }
    const first = [{ name: 't', ...defaults }]
    assert.deepEqual(made.json.spec.devices.requests, [
      { name: 'r', ...defaults },
      { name: 's', deviceClassName: '', firstAvailable: first },
    ])
    const stable = await server.send('GET', `/apis/resource.k8s.io/v1${folder}/a`)
    assert.deepEqual(stable.json.spec.devices.requests, [
      { name: 'r', exactly: defaults },
      { name: 's', firstAvailable: first },
    ])
    const wrong = await server.send('POST', `/apis/resource.k8s.io/v1beta1${folder}`, {
      metadata: { name: 'b' },
      spec: { devices: { requests: [{ name: 'r' }] } },
    })
    assert.match(
      wrong.json.message,
      /spec\.devices\.requests\[0\]: Required value: exactly one of `exactly` or `firstAvailable` is required/,
    )
    const none = { metadata: { name: 'n' }, spec: { devices: { requests: [] } } }
    assert.equal((await server.send('POST', `/apis/resource.k8s.io/v1beta1${folder}`, none)).status, 201)
    const devices = [{ name: 'd', basic: { attributes: { x: { int: 1 } } } }]
    const slice = { metadata: { name: 's' }, spec: { nodeName: 'n', driver: 'd.io', devices } }
    const pool = { pool: { name: 'p', generation: 1, resourceSliceCount: 1 } }
    const body = { ...slice, spec: { ...slice.spec, ...pool } }
    const sliced = await server.send('POST', '/apis/resource.k8s.io/v1beta1/resourceslices', body)
    assert.deepEqual([sliced.status, sliced.json.spec?.devices], [201, devices], sliced.text)
    const { json } = await server.send('GET', '/apis/resource.k8s.io/v1/resourceslices/s')
    assert.deepEqual(json.spec.devices, [{ name: 'd', attributes: { x: { int: 1 } } }])
  })

  it('what is not served is nowhere', async () => {
    const missing = ['/apis/batch/v1/cronjobs', '/apis/policy/v1', '/apis/policy/v1/poddisruptionbudgets']
    for (const path of missing) assert.equal((await server.send('GET', path)).status, 404, path)
    const { json } = await server.send('GET', '/apis/batch/v1')
    assert.ok(!json.resources.some(({ name }: { name: string }) => name.startsWith('cronjobs')))
    const { json: groups } = await server.send('GET', '/apis')
    assert.ok(!groups.groups.some(({ name }: { name: string }) => name === 'policy'))
  })
})
