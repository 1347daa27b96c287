import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Leases } from '@canopus/api'
import { formatMicroTime } from '@canopus/apimachinery'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { keepIdentityLease } from './identity-lease.ts'

test('an API server renews its lease and removes those of servers that have gone', async () => {
  const clock = new SimulatedClock({ settle: () => new Promise(resolve => setImmediate(resolve)) })
  const server = createFakeServer({ clock })
  const labels = { 'apiserver.kubernetes.io/identity': 'kube-apiserver' }
  const add = (name: string, ageSeconds: number, marked = true): unknown =>
    server.add(Leases, {
      metadata: { name, namespace: 'kube-system', ...(marked ? { labels } : {}) },
      spec: {
        holderIdentity: name,
        leaseDurationSeconds: 3600,
        renewTime: formatMicroTime(clock.now() - ageSeconds * 1000),
      },
    })
  add('apiserver-gone', 3700)
  add('apiserver-there', 3500)
  add('somebody-else', 9000, false)
  const stop = new AbortController()
  const identity = { name: 'apiserver-own', hostname: 'h', holder: 'apiserver-own_1', address: '10.0.0.1:6443' }
  const options = { client: createClient(server), clock, logger: silentLogger, ...identity }
  const running = keepIdentityLease(options, stop.signal)
  await clock.advance(1)
  const names = (): string[] => server.list(Leases, 'kube-system').map(({ metadata }) => metadata.name)
  assert.deepEqual(names().sort(), ['apiserver-own', 'apiserver-there', 'somebody-else'])
  const own = () => server.get(Leases, 'apiserver-own', 'kube-system')
  assert.equal(own()?.metadata.labels?.['kubernetes.io/hostname'], 'h')
  assert.equal(own()?.metadata.annotations?.['kubernetes.io/peer-advertise-address'], '10.0.0.1:6443')
  const first = own()?.spec?.renewTime
  await clock.advance(10_000)
  assert.notEqual(own()?.spec?.renewTime, first)
  await clock.advance(3_600_000)
  assert.deepEqual(names().sort(), ['apiserver-own', 'somebody-else'])
  stop.abort()
  await running
})
