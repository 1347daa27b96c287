/** Writes while the cache has not heard yet of what was written before them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { systemClock } from '@canopus/platform'
import { createMemoryStore, type Store, type WatchBatch } from '@canopus/store'
import { startMemoryServer } from '../testing/memory-server.ts'

/** A store whose watchers hear of nothing from `hold` to `release`. */
function holdable(store: Store): { store: Store; hold(): void; release(): void } {
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  async function* watch(prefix: string, from: number, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    for await (const batch of store.watch(prefix, from, signal)) {
      await gate.promise
      yield batch
    }
  }
  const held = new Proxy(store, {
    get(target, key) {
      if (key === 'watch') return watch
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const hold = (): void => {
    gate = Promise.withResolvers()
  }
  return { store: held, hold, release: () => gate.resolve() }
}

it('a patch back to what the cache still shows is written', async t => {
  const { store, hold, release } = holdable(createMemoryStore({ clock: systemClock }))
  const server = await startMemoryServer({ store })
  t.after(() => server.stop())
  const path = '/api/v1/namespaces/default/configmaps'
  const patch = (value: string) =>
    server.send('PATCH', `${path}/c`, { data: { value } }, { 'content-type': 'application/merge-patch+json' })
  await server.send('POST', path, { metadata: { name: 'c' }, data: { value: 'first' } })
  const { metadata: first } = (await server.send('GET', `${path}/c`)).json
  hold()
  assert.equal((await patch('second')).json.data.value, 'second')
  const back = patch('first')
  setImmediate(release)
  const { metadata: third } = (await back).json
  assert.notEqual(third.resourceVersion, first.resourceVersion)
  const { data, metadata } = (await server.send('GET', `${path}/c`)).json
  assert.deepEqual([data.value, metadata.resourceVersion], ['first', third.resourceVersion])
})

it('what was deleted and made again at once is deleted by the uid of the new one alone', async t => {
  const { store, hold, release } = holdable(createMemoryStore({ clock: systemClock }))
  const server = await startMemoryServer({ store })
  t.after(() => server.stop())
  const path = '/api/v1/namespaces/default/configmaps'
  const make = async (): Promise<string> =>
    (await server.send('POST', path, { metadata: { name: 'c' } })).json.metadata.uid
  const remove = (uid?: string) =>
    server.send('DELETE', `${path}/c`, uid === undefined ? undefined : { preconditions: { uid } })
  const first = await make()
  await server.send('GET', `${path}/c`)
  hold()
  assert.equal((await remove(first)).json.details?.uid, first)
  const second = await make()
  assert.notEqual(second, first)
  const [byOld, byNew] = [remove(first), remove(second)]
  setImmediate(release)
  const { status, json } = await byOld
  assert.equal(status, 409)
  assert.equal(
    json.message,
    `Operation cannot be fulfilled on ConfigMap "c": the UID in the precondition (${first}) does not match the UID in record (${second}). The object might have been deleted and then recreated`,
  )
  assert.equal((await byNew).json.details?.uid, second)
  assert.equal((await remove()).status, 404)
})
