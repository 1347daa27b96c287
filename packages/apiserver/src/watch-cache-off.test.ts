import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from './testing/memory-server.ts'

const NAMES = ['a', 'b', 'c', 'd']

/** As upstream's TestListOptions has it: pages are a matter of the store, and its cache makes none of what may be of any version. */
describe('without a cache of config maps, as clients see it', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer({ isCached: ({ plural }) => plural !== 'configmaps' })
    for (const plural of ['configmaps', 'secrets']) {
      for (const name of NAMES) await server.send('POST', `/api/v1/namespaces/n/${plural}`, { metadata: { name } })
    }
  })
  after(() => server.stop())

  const rows: readonly [path: string, names: string, continues: boolean][] = [
    ['configmaps?limit=3&resourceVersion=0', 'abc', true],
    ['configmaps?limit=3&resourceVersion=0&resourceVersionMatch=NotOlderThan', 'abc', true],
    ['configmaps?resourceVersion=0', 'abcd', false],
    ['configmaps?limit=3&resourceVersion=1&resourceVersionMatch=NotOlderThan', 'abc', true],
    ['secrets?limit=3&resourceVersion=0', 'abcd', false],
    ['secrets?limit=3', 'abc', true],
  ]
  for (const [path, names, continues] of rows) {
    it(path, async () => {
      const { json } = await server.send('GET', `/api/v1/namespaces/n/${path}`)
      assert.equal(json.items.map((each: { metadata: { name: string } }) => each.metadata.name).join(''), names)
      assert.equal(json.metadata.continue !== undefined, continues)
    })
  }

  it('what is not there yet is refused at once', async () => {
    for (const path of ['configmaps/a?resourceVersion=99999', 'configmaps?resourceVersion=99999']) {
      const { status, json } = await server.send('GET', `/api/v1/namespaces/n/${path}`)
      assert.equal(status, 504)
      assert.match(json.message, /^Timeout: Too large resource version: 99999, current: \d+$/)
      assert.equal(json.details.retryAfterSeconds, undefined)
    }
  })

  it('a watch begins with what is stored', async () => {
    const watch = await server.watch('/api/v1/namespaces/n/configmaps?watch=1&resourceVersion=0')
    const names: string[] = []
    while (names.length < NAMES.length) names.push((await watch.next()).object.metadata.name)
    assert.deepEqual(names, NAMES)
    watch.end()
  })
})
