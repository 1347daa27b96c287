import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, it } from 'node:test'
import { MetricsRegistry, SimulatedClock, silentLogger } from '@canopus/base'
import { ExternalKeys } from './external-keys.ts'
import type { FetchedKeys } from './messages.ts'

const pairs = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const der = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
const base64 = (text: string): string => Buffer.from(text).toString('base64url')

/** A signer that answers what it is told to. */
function fakeSigner() {
  const fake = {
    key: pairs[0]!,
    header: { alg: 'ES256', kid: 'one', typ: 'JWT' } as Record<string, unknown>,
    keys: { one: { key: der(pairs[0]!.publicKey), hidden: false } } as Record<string, { key: Buffer; hidden: boolean }>,
    refresh: 60,
    longest: 3600,
    dataTime: 1,
    calls: { sign: 0, fetch: 0 },
    closed: false,
    failure: undefined as Error | undefined,
    async sign(claims: string) {
      fake.calls.sign++
      if (fake.failure) throw fake.failure
      const header = base64(JSON.stringify(fake.header))
      const bytes = Buffer.from(`${header}.${claims}`)
      const signature = sign('sha256', bytes, { key: fake.key.privateKey, dsaEncoding: 'ieee-p1363' })
      return { header, signature: signature.toString('base64url') }
    },
    async fetchKeys(): Promise<FetchedKeys> {
      fake.calls.fetch++
      if (fake.failure) throw fake.failure
      return {
        keys: Object.entries(fake.keys).map(([keyId, { key, hidden }]) => ({
          keyId,
          key,
          excludeFromOidcDiscovery: hidden,
        })),
        dataTimestamp: { seconds: fake.dataTime, nanos: 500_000_000 },
        refreshHintSeconds: fake.refresh,
      }
    },
    metadata: async () => ({ maxTokenExpirationSeconds: fake.longest }),
    close() {
      fake.closed = true
    },
  }
  return fake
}

async function started(change: (signer: ReturnType<typeof fakeSigner>) => void = () => {}) {
  const signer = fakeSigner()
  change(signer)
  const clock = new SimulatedClock()
  const registry = new MetricsRegistry()
  const keys = new ExternalKeys({ signer, clock, logger: silentLogger, registry })
  const longest = await keys.start()
  return { signer, clock, registry, keys, longest }
}

describe('tokens that another program signs', () => {
  it('are signed and verified, and their keys shown', async () => {
    const { keys, longest, registry, signer } = await started()
    assert.equal(longest, 3600)
    const token = await keys.sign({ sub: 'somebody' })
    assert.deepEqual(await keys.verify(token), { sub: 'somebody' })
    assert.deepEqual(keys.algorithms, ['ES256'])
    assert.deepEqual(
      (await keys.keySet()).keys.map(({ kid, alg, use, kty }) => [kid, alg, use, kty]),
      [['one', 'ES256', 'sig', 'EC']],
    )
    assert.equal(keys.maxAge(), 60)
    assert.deepEqual(signer.calls, { sign: 1, fetch: 1 })
    const text = registry.text()
    assert.match(text, /apiserver_externaljwt_sign_request_total\{code="OK"\} 1/)
    assert.match(text, /apiserver_externaljwt_fetch_keys_data_timestamp 1.5/)
    assert.match(text, /request_duration_seconds_count\{code="OK",method="\/v1.ExternalJWTSigner\/Sign"\} 1/)
  })

  const headers: readonly [header: Record<string, unknown>, message: string][] = [
    [{ typ: 'ABC' }, 'bad type'],
    [{ kid: undefined }, 'key id missing'],
    [{ kid: 'x'.repeat(1025) }, 'key id longer than 1 kb'],
    [{ alg: 'ABC' }, 'bad signing algorithm "ABC"'],
    [{ jku: 'https://example.com' }, 'while parsing header JSON: json: unknown field "jku"'],
    [{ kid: 'hidden' }, 'key used for signing JWT (kid: hidden) is excluded from OIDC discovery docs'],
  ]
  for (const [header, message] of headers) {
    it(`is refused as a signature: ${message}`, async () => {
      const { keys, signer } = await started(({ keys: all }) => {
        all.hidden = { key: der(pairs[1]!.publicKey), hidden: true }
      })
      Object.assign(signer.header, header)
      await assert.rejects(keys.sign({}), { message: `while validating header: ${message}` })
    })
  }

  const answers: readonly [change: (signer: ReturnType<typeof fakeSigner>) => void, message: RegExp][] = [
    [signer => Object.assign(signer, { refresh: 0 }), /found invalid refresh hint \(0s\)$/],
    [signer => Object.assign(signer, { keys: {} }), /found no keys$/],
    [signer => Object.assign(signer.keys, { '': signer.keys.one }), /found invalid public key id ""$/],
    [signer => Object.assign(signer.keys.one!, { key: Buffer.alloc(0) }), /found empty public key$/],
    [signer => Object.assign(signer.keys.one!, { key: Buffer.from('x') }), /while parsing external public keys: /],
    [signer => Object.assign(signer, { longest: 599 }), /\(599s\) is less than acceptable \(min 600s\)$/],
  ]
  for (const [change, message] of answers) {
    it(`does not start: ${message.source}`, () => assert.rejects(started(change), { message }))
  }

  it('a key that nobody knew is asked for; what it verified ends when the keys are others', async () => {
    const { keys, signer } = await started()
    const { generation } = keys
    signer.header.kid = 'two'
    signer.key = pairs[1]!
    const token = await keys.sign({ sub: 'b' })
    await assert.rejects(keys.verify(token), /invalid signature, no keys found/)
    signer.keys.two = { key: der(pairs[1]!.publicKey), hidden: true }
    assert.deepEqual(await keys.verify(token), { sub: 'b' })
    assert.notEqual(keys.generation, generation)
    assert.deepEqual(
      (await keys.keySet()).keys.map(({ kid }) => kid),
      ['one'],
    )
    signer.header.kid = 'one'
    await assert.rejects(keys.verify(await keys.sign({})), /signature verification failed/)
  })

  it('keys are fetched again when the signer wished so, and after a while where it failed', async () => {
    const { keys, signer, clock } = await started()
    const stop = new AbortController()
    const running = keys.run(stop.signal)
    await clock.advance(60_000)
    assert.equal(signer.calls.fetch, 2)
    signer.failure = new Error('rpc error: code = Unavailable desc = gone')
    await clock.advance(60_000)
    assert.equal(signer.calls.fetch, 3)
    signer.failure = undefined
    await clock.advance(10_000)
    assert.equal(signer.calls.fetch, 4)
    assert.deepEqual(keys.algorithms, ['ES256'])
    stop.abort()
    await running
    assert.equal(signer.closed, true)
  })
})
