import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { compareVersions } from '@canopus/apimachinery'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
})
after(() => server.stop())

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

describe('discovery', () => {
  it('lists versions and groups', async () => {
    assert.deepEqual((await server.send('GET', '/api')).json.versions, ['v1'])
    const { json } = await server.send('GET', '/apis')
    assert.equal(json.kind, 'APIGroupList')
    const autoscaling = json.groups.find((each: { name: string }) => each.name === 'autoscaling')
    assert.equal(autoscaling.preferredVersion.groupVersion, 'autoscaling/v2')
    assert.equal((await server.send('GET', '/apis/apps')).json.kind, 'APIGroup')
  })

  it('lists resources with their subresources', async () => {
    const { json } = await server.send('GET', '/apis/apps/v1')
    const named = (name: string): Record<string, unknown> =>
      json.resources.find((each: { name: string }) => each.name === name)
    assert.equal(named('deployments').singularName, 'deployment')
    assert.deepEqual(named('deployments').shortNames, ['deploy'])
    assert.deepEqual(named('deployments').categories, ['all'])
    assert.equal(named('deployments/scale').kind, 'Scale')
    assert.equal(named('deployments/scale').group, 'autoscaling')
    assert.equal(named('deployments/status').kind, 'Deployment')
  })

  it('lists everything at once, once', async () => {
    const { json, headers } = await server.send('GET', '/apis', undefined, { accept: `${AGGREGATED},application/json` })
    assert.equal(headers['content-type'], AGGREGATED)
    assert.equal(json.kind, 'APIGroupDiscoveryList')
    const apps = json.items.find((each: { metadata: { name: string } }) => each.metadata.name === 'apps')
    const deployments = apps.versions[0].resources.find((each: { resource: string }) => each.resource === 'deployments')
    assert.equal(deployments.scope, 'Namespaced')
    assert.deepEqual(
      deployments.subresources.map((each: { subresource: string }) => each.subresource),
      ['scale', 'status'],
    )
    const again = await server.send('GET', '/apis', undefined, {
      accept: AGGREGATED,
      'if-none-match': String(headers.etag),
    })
    assert.equal(again.status, 304)
    assert.equal(again.text, '')
  })

  const profiles: readonly [string, string][] = [
    [`${AGGREGATED};profile=nopeer`, 'APIGroupDiscoveryList'],
    [`${AGGREGATED};profile=other,application/json`, 'APIGroupList'],
    [`${AGGREGATED.replace('v=v2', 'v=v9')},application/json`, 'APIGroupList'],
    ['application/json', 'APIGroupList'],
  ]
  for (const [accept, kind] of profiles) {
    it(`answers ${accept} with an ${kind}`, async () => {
      for (const path of ['/apis', '/api']) {
        const { status, json } = await server.send('GET', path, undefined, { accept })
        assert.equal(status, 200)
        assert.equal(json.kind, path === '/api' && kind === 'APIGroupList' ? 'APIVersions' : kind)
      }
    })
  }

  const orders: readonly [string, string][] = [
    ['v2', 'v1'],
    ['v1', 'v1beta1'],
    ['v1beta2', 'v1beta1'],
    ['v1beta1', 'v2alpha1'],
    ['v10', 'v9'],
    ['v1', 'strange'],
  ]
  for (const [better, worse] of orders) {
    it(`prefers ${better} to ${worse}`, () => assert.ok(compareVersions(better, worse) < 0))
  }
})

describe('OpenAPI', () => {
  it('indexes documents by hash and serves them for ever', async () => {
    const { json } = await server.send('GET', '/openapi/v3')
    const url: string = json.paths['apis/apps/v1'].serverRelativeURL
    assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]+$/)
    const document = await server.send('GET', url)
    assert.equal(document.status, 200)
    assert.match(String(document.headers['cache-control']), /immutable/)
    const expires = String(document.headers.expires)
    assert.match(expires, /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} UTC$/)
    const days = (Date.parse(expires) - Date.now()) / 86_400_000
    assert.ok(days > 364 && days < 367, expires)
    assert.ok('io.k8s.api.apps.v1.Deployment' in document.json.components.schemas)
    assert.equal((await server.send('GET', '/openapi/v3/apis/apps/v1?hash=old')).status, 301)
    assert.equal((await server.send('GET', '/openapi/v3/apis/none/v1')).status, 404)
  })

  for (const path of ['version', 'api', 'apis', 'apis/apps']) {
    it(`has a document of ${path}`, async () => {
      const { json: index } = await server.send('GET', '/openapi/v3')
      const { json } = await server.send('GET', index.paths[path].serverRelativeURL)
      assert.deepEqual(Object.keys(json.paths), [`/${path}/`])
    })
  }

  it('serves v2 in JSON and protobuf, and nothing else', async () => {
    assert.equal((await server.send('GET', '/openapi/v2')).json.swagger, '2.0')
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
    const protobuf = await server.send('GET', '/openapi/v2', undefined, { accept })
    assert.equal(protobuf.headers['content-type'], 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
    assert.equal((await server.send('GET', '/openapi/v2', undefined, { accept: 'text/html' })).status, 406)
  })
})
