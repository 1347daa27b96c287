import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { throttle } from './subresources/throttle.ts'
import { type MemoryServer, startMemoryServer } from './testing/memory-server.ts'

describe('what operators set of single things', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer({
      tuning: {
        allowPrivileged: false,
        garbageCollection: false,
        deleteCollectionWorkers: 1,
        countsObjects: false,
        tellsStorageSize: false,
      },
    })
    await server.send('POST', '/api/v1/namespaces', { metadata: { name: 'a' } })
  })
  after(() => server.stop())

  const spec = { containers: [{ name: 'c', image: 'i', securityContext: { privileged: true } }] }
  const message = 'privileged: Forbidden: disallowed by cluster policy'

  it('no pod is privileged', async () => {
    const { status, json } = await server.send('POST', '/api/v1/namespaces/a/pods', { metadata: { name: 'p' }, spec })
    assert.equal(status, 422)
    assert.equal(json.message, `Pod "p" is invalid: spec.containers[0].securityContext.${message}`)
  })

  it('and none of a template', async () => {
    const template = { metadata: { labels: { a: 'b' } }, spec }
    const body = { metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template } }
    const { status, json } = await server.send('POST', '/apis/apps/v1/namespaces/a/deployments', body)
    assert.equal(status, 422)
    assert.match(json.message, /spec\.template\.spec\.containers\[0\]\.securityContext\.privileged: Forbidden/)
  })

  it('deletions say nothing of dependents', async () => {
    const path = '/api/v1/namespaces/a/configmaps'
    for (const name of ['one', 'two']) await server.send('POST', path, { metadata: { name } })
    const { status } = await server.send('DELETE', `${path}/one`, { propagationPolicy: 'Orphan' })
    assert.equal(status, 200)
    assert.equal((await server.send('GET', `${path}/one`)).status, 404)
    assert.equal((await server.send('DELETE', path)).status, 200)
    assert.deepEqual((await server.send('GET', path)).json.items, [])
  })

  it('nothing is counted that nobody wants to know', async () => {
    const { text: figures } = await server.send('GET', '/metrics')
    assert.doesNotMatch(figures, /apiserver_(resource_objects|storage_objects|storage_size_bytes)/)
  })
})

describe('a connection that may not carry much', () => {
  it('passes on what there is, later', async () => {
    const clock = new SimulatedClock({ start: 0 })
    const slow = throttle(100, clock)
    slow.write('x'.repeat(200))
    slow.end('y')
    let isDone = false
    const read = text(slow).then(all => {
      isDone = true
      return all
    })
    await clock.advance(1000)
    assert.equal(isDone, false)
    await clock.advance(1500)
    assert.equal((await read).length, 201)
  })
})
