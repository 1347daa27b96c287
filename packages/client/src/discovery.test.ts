import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDiscovery } from './discovery.ts'
import type { Transport } from './transport.ts'

test('what is served is read again only where it has changed', async () => {
  const served: Record<string, { etag?: string; resource: string }> = {
    '/api': { etag: '"1"', resource: 'pods' },
    '/apis': { etag: '"2"', resource: 'leases' },
  }
  const sent: string[] = []
  const transport = {
    send: ({ path, headers }) => {
      const { etag, resource } = served[path]!
      const isKnown = etag !== undefined && headers?.['if-none-match'] === etag
      sent.push(`${path} ${isKnown ? 304 : 200}`)
      const items = [{ metadata: { name: path }, versions: [{ version: 'v1', resources: [{ resource }] }] }]
      const body = new TextEncoder().encode(isKnown ? '' : JSON.stringify({ items }))
      const given: Record<string, string> = etag === undefined ? {} : { etag }
      return Promise.resolve({
        status: isKnown ? 304 : 200,
        headers: given,
        bytes: () => Promise.resolve(body),
        chunks: () => assert.fail('not a stream'),
      })
    },
  } satisfies Pick<Transport, 'send'> as unknown as Transport
  const discover = createDiscovery(transport)
  const plurals = async () => (await discover()).types.map(({ plural }) => plural)

  const first = await discover()
  assert.deepEqual(await plurals(), ['pods', 'leases'])
  assert.equal(await discover(), first)
  served['/apis'] = { etag: '"3"', resource: 'jobs' }
  assert.deepEqual(await plurals(), ['pods', 'jobs'])
  served['/api'] = { resource: 'nodes' }
  assert.deepEqual(await plurals(), ['nodes', 'jobs'])
  served['/api'] = { resource: 'secrets' }
  assert.deepEqual(await plurals(), ['secrets', 'jobs'], 'without a tag all is read')
  const expected = ['200 200', '304 304', '304 304', '304 200', '200 304', '200 304']
  assert.deepEqual(
    sent.map(line => line.split(' ')[1]),
    expected.flatMap(pair => pair.split(' ')),
  )
})
