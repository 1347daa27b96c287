import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const known: readonly [string, object[], string][] = [
  ['no addresses', [], '[]'],
  [
    'other addresses',
    [
      { type: 'Other', address: 'a' },
      { type: 'More', address: 'b' },
    ],
    '[{Other a} {More b}]',
  ],
]

describe('the kubelet of a node', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  for (const [index, [name, addresses, text]] of known.entries()) {
    it(`that tells ${name} cannot be asked`, async () => {
      const node = `n${index}`
      await server.send('POST', '/api/v1/nodes', { metadata: { name: node }, status: { addresses } })
      const pods = '/api/v1/namespaces/default/pods'
      const spec = { nodeName: node, containers: [{ name: 'c', image: 'i' }] }
      assert.equal((await server.send('POST', pods, { metadata: { name: node }, spec })).status, 201)
      const { status, json } = await server.send('GET', `${pods}/${node}/log`)
      const message = `no preferred addresses found; known addresses: ${text}`
      assert.deepEqual([status, json.message, json.reason], [500, message, undefined])
    })
  }
})
