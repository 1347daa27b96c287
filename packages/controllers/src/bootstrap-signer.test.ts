import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { ConfigMaps, Secrets } from '@canopus/api'
import type { Secret } from '@canopus/api/core/v1'
import { createBootstrapSigner, detachedSignature, signingToken } from './bootstrap-signer.ts'
import { createWorld } from './testing/world.ts'

const NOW = Date.UTC(2026, 0, 1)
const token = (id: string, more: Record<string, string> = {}, name = `bootstrap-token-${id}`) => ({
  metadata: { name, namespace: 'kube-system' },
  type: 'bootstrap.kubernetes.io/token',
  data: Object.fromEntries(
    Object.entries({
      'token-id': id,
      'token-secret': 'abcdef0123456789',
      'usage-bootstrap-signing': 'true',
      ...more,
    }).map(([key, value]) => [key, btoa(value)]),
  ),
})

const table: [string, ReturnType<typeof token>, boolean][] = [
  ['a token', token('abcdef'), true],
  ['that lasts', token('abcdef', { expiration: '2026-01-01T00:00:01Z' }), true],
  ['that has expired', token('abcdef', { expiration: '2026-01-01T00:00:00Z' }), false],
  ['that is not for signing', token('abcdef', { 'usage-bootstrap-signing': 'false' }), false],
  ['without a secret', token('abcdef', { 'token-secret': '' }), false],
  ['of another name', token('abcdef', {}, 'bootstrap-token-fedcba'), false],
  ['of a name that is none', token('abcdef', {}, 'token-abcdef'), false],
]
for (const [name, secret, expected] of table) {
  test(`may sign: ${name}`, () =>
    assert.equal(signingToken(secret as unknown as Secret, NOW)?.id, expected ? 'abcdef' : undefined))
}

test('a signature that anybody with the token can check', () => {
  const [header, payload, signature] = detachedSignature('kind: Config\n', 'abcdef', 'abcdef0123456789').split('.')
  assert.equal(payload, '')
  assert.deepEqual(Buffer.from(header!, 'base64url').toString(), '{"alg":"HS256","kid":"abcdef"}')
  const signed = `${header}.${Buffer.from('kind: Config\n').toString('base64url')}`
  assert.equal(signature, createHmac('sha256', 'abcdef0123456789').update(signed).digest('base64url'))
})

test('cluster-info carries one signature for each token, follows its content, and nothing else is touched', async t => {
  const world = createWorld()
  t.after(() => world.stop())
  world.server.add(ConfigMaps, {
    metadata: { name: 'cluster-info', namespace: 'kube-public' },
    data: { kubeconfig: 'one', other: 'kept', 'jws-kubeconfig-gone00': 'old' },
  })
  world.server.add(ConfigMaps, {
    metadata: { name: 'cluster-info', namespace: 'default' },
    data: { kubeconfig: 'one' },
  })
  world.server.add(Secrets, token('abcdef'))
  await world.start(createBootstrapSigner(world.context))
  await world.settle()
  const data = (namespace = 'kube-public') => world.server.get(ConfigMaps, 'cluster-info', namespace)?.data
  const signed = (content: string, id: string) => [
    `jws-kubeconfig-${id}`,
    detachedSignature(content, id, 'abcdef0123456789'),
  ]
  const expected = (content: string, ...ids: string[]) => ({
    kubeconfig: content,
    other: 'kept',
    ...Object.fromEntries(ids.map(id => signed(content, id))),
  })
  assert.deepEqual(data(), expected('one', 'abcdef'))
  assert.deepEqual(data('default'), { kubeconfig: 'one' })

  world.server.add(Secrets, token('123456'))
  world.server.change(ConfigMaps, 'cluster-info', 'kube-public', map => {
    map.data!.kubeconfig = 'two'
  })
  await world.settle()
  assert.deepEqual(data(), expected('two', 'abcdef', '123456'))

  world.server.remove(Secrets, 'bootstrap-token-abcdef', 'kube-system')
  await world.settle()
  assert.deepEqual(data(), expected('two', '123456'))
})
