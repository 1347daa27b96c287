import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { silentLogger } from '@canopus/base'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { type Store, StoreUnavailableError } from '../store.ts'
import { stampTestValue, storeConformance } from '../testing/conformance.ts'
import { type EtcdServer, findEtcd, startEtcd } from '../testing/etcd-server.ts'
import { collect, nextEvents, text, utf8 } from '../testing/watching.ts'
import type { EtcdStoreOptions } from './etcd-store.ts'
import { openEtcdStore } from './open-etcd-store.ts'

const program = findEtcd()
const skip = program ? false : 'no etcd: the Debian package etcd-server is neither installed nor to be had'

describe('with a real etcd server', { skip }, () => {
  let server: EtcdServer
  let used = 0
  type Options = Partial<Pick<EtcdStoreOptions, 'prefix' | 'endpoints' | 'timeout' | 'dial'>>
  const open = (options: Options = {}): Promise<Store> =>
    openEtcdStore({
      endpoints: [server.endpoint],
      clock: systemClock,
      logger: silentLogger,
      stampRevision: stampTestValue,
      ...options,
    })

  before(async () => {
    server = await startEtcd(program!)
  })
  after(() => server.stop())

  storeConformance('etcd', async () => {
    const store = await open({ prefix: `/test-${used++}` })
    return { store, ttlSeconds: 4, passTime: async () => {}, close: () => store.close() }
  })

  test('a watch goes on where it was after the server has died and come back', async () => {
    const store = await open({ prefix: '/restart' })
    const first = await store.create('/registry/a', () => utf8('1'))
    const watch = collect(store, '/registry/', first.revision)
    const second = await store.update('/registry/a', () => utf8('2'), first.revision)
    assert.equal((await nextEvents(watch, 1))[0]!.revision, second.revision)
    await server.kill()
    await server.start()
    // The reading waits until the server answers again; a writing over the dead connection would have an unknown outcome.
    assert.equal((await store.get('/registry/a'))!.revision, second.revision)
    const third = await store.update('/registry/a', () => utf8('3'), second.revision)
    const [event] = await nextEvents(watch, 1)
    assert.deepEqual([text(event!.value), event!.revision], ['3', third.revision])
    await watch.stop()
    await store.close()
  })

  test('keys lie below the prefix, as upstream lays them out with its own', async () => {
    const [store, all] = [await open({ prefix: '/mine/too' }), await open({ prefix: '' })]
    const created = await store.create('/registry/pods/default/a', () => utf8('1'))
    const listed = await all.list('/registry/mine/')
    assert.deepEqual(
      listed.items.map(({ key }) => key),
      ['/registry/mine/too/pods/default/a'],
    )
    assert.deepEqual(
      [store.storedKey?.(created.key), created.key],
      ['/mine/too/pods/default/a', '/registry/pods/default/a'],
    )
    await store.delete(created.key, created.revision)
    await store.close()
    await all.close()
  })

  test('another endpoint is used where the first does not answer', async () => {
    const store = await open({ prefix: '/other', endpoints: ['http://127.0.0.1:1', server.endpoint] })
    const created = await store.create('/registry/a', () => utf8('1'))
    assert.equal((await store.get('/registry/a'))!.revision, created.revision)
    await store.close()
  })

  test('a write while no server answers fails with a sentence that names the endpoints', async () => {
    const store = await open({ prefix: '/down', timeout: 3000 })
    await server.kill()
    // The reading finds out that the connection is dead.
    await assert.rejects(store.get('/registry/a'), StoreUnavailableError)
    await assert.rejects(
      store.create('/registry/a', () => utf8('1')),
      (error: StoreUnavailableError) => {
        assert.ok(error instanceof StoreUnavailableError, `${error}`)
        assert.match(error.message, /no etcd server could be reached at http:\/\/127.0.0.1:\d+ within 3000 ms/)
        assert.equal(error.ambiguous, false)
        return true
      },
    )
    await server.start()
    const again = await open({ prefix: '/down' })
    assert.ok((await again.create('/registry/a', () => utf8('1'))).revision > 0)
    await again.close()
    await store.close()
  })

  test('over a Unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'canopus-etcd-unix-'))
    const path = join(directory, 'etcd.sock')
    // What an old etcd does not listen on itself.
    const passing = createServer(socket => {
      const { hostname: host, port } = new URL(server.endpoint)
      pipeline(socket, connect({ host, port: Number(port) }), socket, () => {})
    })
    await once(passing.listen(path), 'listening')
    try {
      const store = await open({ prefix: '/unix', endpoints: [`unix://${path}`] })
      const created = await store.create('/registry/a', () => utf8('1'))
      assert.equal((await store.get('/registry/a'))!.revision, created.revision)
      await store.close()
    } finally {
      passing.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('by another way, as long as that is there', async () => {
    let isOpen = true
    const dial = async (host: string, port: number) => {
      if (!isOpen) throw new Error('no way')
      return connect({ host, port })
    }
    const store = await open({ prefix: '/led', dial })
    const created = await store.create('/registry/a', () => utf8('1'))
    const watch = collect(store, '/registry/', created.revision - 1)
    assert.equal((await nextEvents(watch, 1))[0]!.revision, created.revision)
    await watch.stop()
    await store.close()
    isOpen = false
    await assert.rejects(open({ prefix: '/led', dial, timeout: 500 }), StoreUnavailableError)
  })

  test('TLS with certificates on both sides; a stranger gets nowhere', async () => {
    const authority = await createAuthority({ commonName: 'etcd-ca', clock: systemClock })
    const issue = (commonName: string, hosts: string[] = []) =>
      issueCertificate(authority, { commonName, hosts, purposes: ['server auth', 'client auth'], clock: systemClock })
    const [serving, client] = [await issue('etcd', ['127.0.0.1']), await issue('apiserver')]
    const directory = mkdtempSync(join(tmpdir(), 'canopus-etcd-tls-'))
    const file = (name: string, pem: string): string => {
      writeFileSync(join(directory, name), pem)
      return join(directory, name)
    }
    const flags = ['--client-cert-auth', '--trusted-ca-file', file('ca.crt', authority.certificate)]
    flags.push('--cert-file', file('server.crt', serving.certificate), '--key-file', file('server.key', serving.key))
    const secured = await startEtcd(program!, flags, 'https')
    try {
      const endpoints = [secured.endpoint]
      const tls = { ca: authority.certificate, cert: client.certificate, key: client.key }
      const store = await openEtcdStore({ endpoints, tls, clock: systemClock, logger: silentLogger })
      const created = await store.create('/registry/a', () => utf8('1'))
      assert.equal((await store.get('/registry/a'))!.revision, created.revision)
      await store.close()
      // The certificate must name the server also where another way leads there.
      const asked: string[] = []
      const dial = async (host: string, port: number) => {
        asked.push(`${host}:${port}`)
        return connect({ host, port })
      }
      const led = await openEtcdStore({ endpoints, tls, dial, clock: systemClock, logger: silentLogger })
      assert.equal((await led.get('/registry/a'))!.revision, created.revision)
      await led.close()
      assert.deepEqual(asked, [new URL(secured.endpoint).host])
      const anonymous = { endpoints, tls: { ca: tls.ca }, timeout: 500, clock: systemClock, logger: silentLogger }
      await assert.rejects(openEtcdStore(anonymous), /etcd/)
    } finally {
      await secured.stop()
      rmSync(directory, { recursive: true })
    }
  })
})
