import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigMaps, schemas } from '@canopus/api'
import { encodeMessage, wrapMessage } from '@canopus/apimachinery'
import { systemClock } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { startMemoryServer } from '../testing/memory-server.ts'
import { Change } from './change.ts'
import { History } from './history.ts'
import { ObjectVersion, stampedBytes } from './object-version.ts'
import { type WatchGroup, WatchStream } from './watch-hub.ts'

describe('what another API server wrote', () => {
  const forms: readonly [string, Uint8Array][] = [
    [
      'JSON without a version',
      Buffer.from('{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x","namespace":"d"},"data":{"a":"b"}}'),
    ],
    [
      'protobuf',
      wrapMessage(
        { apiVersion: 'v1', kind: 'ConfigMap' },
        encodeMessage(schemas.schemaOf('core.v1.ConfigMap'), {
          metadata: { name: 'x', namespace: 'd' },
          data: { a: 'b' },
        }),
      ),
    ],
  ]
  for (const [name, bytes] of forms) {
    it(`reads ${name}, before the start and after`, async () => {
      const store = createMemoryStore({ clock: systemClock })
      await store.create('/registry/configmaps/d/x', () => bytes)
      const server = await startMemoryServer({ store })
      const { json } = await server.send('GET', '/api/v1/namespaces/d/configmaps/x')
      assert.deepEqual(json.data, { a: 'b' })
      assert.equal(json.metadata.resourceVersion, String(await store.revision()))
      await store.update('/registry/configmaps/d/x', () => bytes, await store.revision())
      const changed = await server.send('GET', '/api/v1/namespaces/d/configmaps/x')
      assert.equal(changed.json.metadata.resourceVersion, String(await store.revision()))
      const put = await server.send('PUT', '/api/v1/namespaces/d/configmaps/x', { ...changed.json, data: { c: 'd' } })
      assert.equal(put.status, 200)
      await server.stop()
      await store.close()
    })
  }

  it('does not hide what nobody can read, and goes on', async () => {
    const store = createMemoryStore({ clock: systemClock })
    await store.create('/registry/configmaps/d/bad', () => Buffer.from('nonsense'))
    const server = await startMemoryServer({ store })
    assert.equal((await server.send('GET', '/api/v1/namespaces/d/configmaps')).status, 500)
    assert.deepEqual((await server.send('GET', '/api/v1/namespaces/e/configmaps')).json.items, [])
    assert.equal(server.errors.length, 1)
    await server.stop()
    await store.close()
  })
})

describe('versions', () => {
  it('show the revision of their removal', () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'o', uid: 'u' }
    const object = {
      metadata: { name: 'x', uid: '1', creationTimestamp: '', resourceVersion: '', ownerReferences: [owner] },
    }
    const version = new ObjectVersion('/k', '', 'x', stampedBytes(object, 5), 5)
    assert.equal(version.object.metadata.resourceVersion, '5')
    assert.equal(version.atRevision(77).object.metadata.resourceVersion, '77')
    assert.equal(version.object.metadata.resourceVersion, '5')
  })
})

describe('history', () => {
  it('knows how far back it reaches', () => {
    const history = new History(10)
    const change = (revision: number): Change =>
      new Change(new ObjectVersion('/k', '', 'k', new Uint8Array(7 * 1024 * 1024), revision), undefined, false)
    for (let revision = 11; revision <= 30; revision++) history.add(change(revision))
    assert.ok(history.start > 10)
    assert.equal(history.since(history.start - 1), undefined)
    assert.equal(history.since(28)!.length, 2)
    assert.equal(history.since(30)!.length, 0)
  })
})

describe('slow readers', () => {
  function reader(): { stream: WatchStream; written: string[]; drain(): void; ended(): boolean } {
    const written: string[] = []
    let drain = (): void => {}
    let ended = false
    const sink = {
      write(chunk: Uint8Array) {
        written.push(Buffer.from(chunk).toString())
        return false
      },
      end() {
        ended = true
      },
      onClose() {},
      onDrain(listener: () => void) {
        drain = listener
      },
      get closed() {
        return ended
      },
    }
    const stream = new WatchStream(sink, { encoder: {} } as unknown as WatchGroup, false)
    return { stream, written, drain: () => drain(), ended: () => ended }
  }

  it('get the state first, then in one piece what happened meanwhile', () => {
    const { stream, written, drain } = reader()
    stream.begin([Buffer.from('s1'), Buffer.from('s2')])
    stream.send(Buffer.from('e1'))
    stream.send(Buffer.from('e2'))
    assert.deepEqual(written, ['s1'])
    drain()
    assert.deepEqual(written, ['s1', 's2'])
    drain()
    assert.deepEqual(written, ['s1', 's2', 'e1e2'])
  })

  it('are cut off when they fall too far behind', () => {
    const { stream, ended } = reader()
    stream.begin([Buffer.from('s')])
    for (let i = 0; i < 70; i++) stream.send(Buffer.alloc(1024 * 1024))
    assert.ok(ended())
  })
})

describe('trouble', () => {
  it('with one listener does not stop the others, nor the server', async () => {
    const server = await startMemoryServer()
    const seen: string[] = []
    server.server.objects.onChange(ConfigMaps, () => {
      throw new Error('mine')
    })
    server.server.objects.onChange(ConfigMaps, ({ object }) => seen.push(object.metadata.name))
    for (const name of ['a', 'b']) await server.send('POST', '/api/v1/namespaces/d/configmaps', { metadata: { name } })
    assert.equal((await server.send('GET', '/api/v1/namespaces/d/configmaps')).json.items.length, 2)
    assert.deepEqual(seen, ['a', 'b'])
    assert.equal(server.errors.length, 2)
    await server.stop()
  })
})
