/** Lists without anything in them that clients see as null, however they were sent. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

describe('an endpoint slice without endpoints', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  for (const [name, lists] of [
    ['nothing', {}],
    ['null', { endpoints: null, ports: null }],
    ['empty', { endpoints: [], ports: [] }],
  ] as const) {
    it(`sent as ${name}, in JSON and in protobuf`, async () => {
      const isNull = (answer: { json: unknown }): void =>
        assert.partialDeepStrictEqual(answer.json, { endpoints: null, ports: null })
      const path = `${SLICES}/${name}`
      isNull(await server.send('POST', SLICES, { metadata: { name }, addressType: 'IPv4', ...lists }))
      const { bytes } = await server.send('GET', path, undefined, { accept: PROTOBUF })
      const before = (await server.send('GET', path)).json
      isNull({ json: before })
      const put = await server.send('PUT', path, bytes, { 'content-type': PROTOBUF })
      isNull(put)
      assert.equal(put.json.metadata.resourceVersion, before.metadata.resourceVersion)
      isNull(await server.send('PATCH', path, lists, { 'content-type': 'application/merge-patch+json' }))
    })
  }
})
