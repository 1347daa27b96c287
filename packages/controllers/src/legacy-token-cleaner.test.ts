import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ConfigMaps, Secrets, ServiceAccounts } from '@canopus/api'
import type { Pod, Secret, ServiceAccount } from '@canopus/api/core/v1'
import { createLegacyTokenCleaner, planLegacyToken, secretsOf } from './legacy-token-cleaner.ts'
import { createWorld } from './testing/world.ts'

const DAY = 86_400_000
const TYPE = 'kubernetes.io/service-account-token'
const LAST_USED = 'kubernetes.io/legacy-token-last-used'
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since'

describe('planLegacyToken', () => {
  const account = { metadata: { name: 'a', uid: 'u' }, secrets: [{ name: 't' }] } as unknown as ServiceAccount
  const secret = (labels: Record<string, string>, more: object = {}): Secret =>
    ({ type: TYPE, metadata: { name: 't', labels, creationTimestamp: '2024-01-01T00:00:00Z' }, ...more }) as Secret
  const marked = (day: string) => secret({ [INVALID_SINCE]: day })
  const table: [string, Secret, ServiceAccount | undefined, boolean, 'keep' | 'mark' | 'delete'][] = [
    ['never used', secret({}), account, false, 'mark'],
    ['used long ago', secret({ [LAST_USED]: '2024-06-01' }), account, false, 'mark'],
    ['used lately', secret({ [LAST_USED]: '2025-06-01' }), account, false, 'keep'],
    ['used nobody knows when', secret({ [LAST_USED]: 'yesterday' }), account, false, 'keep'],
    ['mounted', secret({}), account, true, 'keep'],
    ['its account is gone', secret({}), undefined, false, 'keep'],
    ['made by hand', secret({}), { ...account, secrets: [] }, false, 'keep'],
    ['another type', secret({}, { type: 'Opaque' }), account, false, 'keep'],
    ['marked lately', marked('2025-06-01'), account, false, 'keep'],
    ['marked in an unreadable way', marked('x'), account, false, 'mark'],
    ['marked long ago', marked('2024-06-01'), account, false, 'delete'],
  ]
  for (const [name, token, owner, mounted, expected] of table) {
    test(name, () => {
      const now = Date.UTC(2026, 0, 1)
      const state = { secret: token, account: owner, mounted, now, cleanUpPeriod: 365 * DAY }
      assert.equal(planLegacyToken(state), expected)
    })
  }
})

test('a pod names secrets in volumes, variables and for pulling', () => {
  const pod = {
    spec: {
      imagePullSecrets: [{ name: 'pull' }],
      containers: [
        { env: [{ valueFrom: { secretKeyRef: { name: 'env' } } }], envFrom: [{ secretRef: { name: 'all' } }] },
      ],
      volumes: [{ secret: { secretName: 'vol' } }, { projected: { sources: [{ secret: { name: 'proj' } }] } }],
    },
  } as unknown as Pod
  assert.deepEqual([...secretsOf(pod)].sort(), ['all', 'env', 'proj', 'pull', 'vol'])
})

test('unused tokens are marked after one period and go after another', async () => {
  const world = createWorld()
  const metadata = { namespace: 'default', annotations: { 'kubernetes.io/service-account.name': 'a' } }
  world.server.add(ServiceAccounts, { metadata: { name: 'a', namespace: 'default' }, secrets: [{ name: 't' }] })
  world.server.add(Secrets, { metadata: { ...metadata, name: 't' }, type: TYPE })
  world.server.add(ConfigMaps, {
    metadata: { name: 'kube-apiserver-legacy-service-account-token-tracking', namespace: 'kube-system' },
    data: { since: '2026-01-01' },
  })
  await world.start(createLegacyTokenCleaner(world.context, { cleanUpPeriod: 10 * DAY }))
  const token = () => world.server.get(Secrets, 't', 'default')
  await world.settle(10 * DAY)
  assert.equal(token()?.metadata.labels?.[INVALID_SINCE], undefined)
  await world.settle(2 * DAY)
  assert.match(token()!.metadata.labels![INVALID_SINCE]!, /^2026-01-1[23]$/)
  await world.settle(9 * DAY)
  assert.ok(token())
  await world.settle(4 * DAY)
  assert.equal(token(), undefined)
  world.stop()
})

test('where uses are not noted, nothing is touched', async () => {
  const world = createWorld()
  world.server.add(ServiceAccounts, { metadata: { name: 'a', namespace: 'default' }, secrets: [{ name: 't' }] })
  const annotations = { 'kubernetes.io/service-account.name': 'a' }
  world.server.add(Secrets, { metadata: { name: 't', namespace: 'default', annotations }, type: TYPE })
  await world.start(createLegacyTokenCleaner(world.context, { cleanUpPeriod: DAY }))
  await world.settle(10 * DAY)
  assert.deepEqual(world.server.get(Secrets, 't', 'default')?.metadata.labels ?? {}, {})
  world.stop()
})
