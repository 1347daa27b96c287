import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject } from '@canopus/apimachinery'
import { systemClock } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { startMemoryServer } from '../testing/memory-server.ts'
import { definitionOfV1beta1 } from './former-definition.ts'

type Plain = Record<string, unknown>
const NAME = 'sails.example.com'
const object = (spec: Plain, status?: Plain): KubeObject =>
  ({
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    kind: 'CustomResourceDefinition',
    metadata: { name: NAME },
    spec: { group: 'example.com', names: { plural: 'sails', kind: 'Sail' }, ...spec },
    ...(status && { status }),
  }) as unknown as KubeObject

const served = { name: 'v1', served: true, storage: true }
const schema = { openAPIV3Schema: { type: 'object' } }

describe('definitions of v1beta1', () => {
  const rows: readonly [string, KubeObject, Plain][] = [
    ['have one version', object({ version: 'v1' }), { versions: [served] }],
    [
      'say things once for all versions',
      object({
        versions: [served, { ...served, name: 'v2', storage: false }],
        validation: schema,
        subresources: { status: {} },
        additionalPrinterColumns: [{ name: 'A', type: 'string', JSONPath: '.a' }],
      }),
      {
        versions: [served, { ...served, name: 'v2', storage: false }].map(each => ({
          ...each,
          schema,
          subresources: { status: {} },
          additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.a' }],
        })),
      },
    ],
    [
      'or by version',
      object({ versions: [{ ...served, schema, additionalPrinterColumns: [{ name: 'A', JSONPath: '.a' }] }] }),
      { versions: [{ ...served, schema, additionalPrinterColumns: [{ name: 'A', jsonPath: '.a' }] }] },
    ],
    ['have a scope', object({ version: 'v1', scope: 'Cluster' }), { versions: [served], scope: 'Cluster' }],
    [
      'prune where they say so',
      object({ version: 'v1', preserveUnknownFields: false }),
      { versions: [served], preserveUnknownFields: false },
    ],
    [
      'call webhooks',
      object({ version: 'v1', conversion: { strategy: 'Webhook', webhookClientConfig: { url: 'https://x' } } }),
      {
        versions: [served],
        conversion: {
          strategy: 'Webhook',
          webhook: { clientConfig: { url: 'https://x' }, conversionReviewVersions: ['v1beta1'] },
        },
      },
    ],
  ]
  for (const [name, former, spec] of rows) {
    it(name, () => {
      const { apiVersion, spec: got } = definitionOfV1beta1(former) as KubeObject & { spec: Plain }
      assert.equal(apiVersion, 'apiextensions.k8s.io/v1')
      assert.deepEqual(got, {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'sails', singular: 'sail', kind: 'Sail', listKind: 'SailList' },
        conversion: { strategy: 'None' },
        preserveUnknownFields: true,
        ...spec,
      })
    })
  }

  it('know what has been stored', () => {
    const stored = (status?: Plain): unknown =>
      (definitionOfV1beta1(object({ version: 'v1' }, status)) as KubeObject & { status: Plain }).status.storedVersions
    assert.deepEqual(stored(), ['v1'])
    assert.deepEqual(stored({ storedVersions: null }), ['v1'])
    assert.deepEqual(stored({ storedVersions: ['v0'] }), ['v0'])
  })

  it('are served, and keep what no schema describes', async t => {
    const store = createMemoryStore({ clock: systemClock })
    const odd = { openAPIV3Schema: { properties: { a: { type: 'array' } } } }
    const status = { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: null }
    const stored = object({ version: 'v1', validation: odd }, status)
    await store.create(`/registry/apiextensions.k8s.io/customresourcedefinitions/${NAME}`, () =>
      Buffer.from(JSON.stringify(stored)),
    )
    const server = await startMemoryServer({ store })
    t.after(async () => {
      await server.stop()
      await store.close()
      assert.deepEqual(server.errors, [])
    })
    const path = '/apis/example.com/v1/namespaces/default/sails'
    while ((await server.send('GET', path)).status !== 200) await new Promise(resolve => setImmediate(resolve))
    const sail = { apiVersion: 'example.com/v1', kind: 'Sail', metadata: { name: 'a' }, spec: { replicas: 1 } }
    const apply = (query: string, spec: Plain) =>
      server.send('PATCH', `${path}/a?${query}`, { ...sail, spec }, { 'content-type': 'application/apply-patch+yaml' })
    const created = await apply('fieldManager=me', { replicas: 1 })
    assert.equal(created.status, 201, created.text)
    assert.deepEqual(created.json.spec, { replicas: 1 })
    const merge = { 'content-type': 'application/merge-patch+json' }
    assert.equal((await server.send('PATCH', `${path}/a`, { spec: { replicas: 5 } }, merge)).json.spec.replicas, 5)
    assert.equal((await apply('fieldManager=me', { replicas: 1 })).status, 409)
    const forced = await apply('fieldManager=me&force=true', { replicas: 1 })
    assert.deepEqual([forced.status, forced.json.spec], [200, { replicas: 1 }])
  })
})
