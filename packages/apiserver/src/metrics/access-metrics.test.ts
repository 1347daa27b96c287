import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'node:test'
import { forbiddenError, unauthorizedError } from '@canopus/apimachinery'
import { MetricsRegistry, SimulatedClock } from '@canopus/base'
import { createClusterPki, issueClientCertificate } from '@canopus/platform'
import type { Attributes, Authorizer, Decision } from '../security.ts'
import { AccessMetrics } from './access-metrics.ts'

function setUp(): { metrics: AccessMetrics; clock: SimulatedClock; lines(name: string): string[] } {
  const registry = new MetricsRegistry()
  const clock = new SimulatedClock()
  const lines = (name: string): string[] =>
    registry
      .text()
      .split('\n')
      .filter(line => line.startsWith(name) && !line.includes('_bucket'))
  return { metrics: new AccessMetrics(registry, clock), clock, lines }
}

const nowhere = { remoteAddress: '', certificateVerified: false }

describe('figures of who asks', () => {
  test('tell users apart that upstream tells apart', () => {
    const { metrics, clock, lines } = setUp()
    for (const name of ['admin', 'jane@example.com', 'jane', 'system:serviceaccount:kube-system:default'])
      metrics.authenticated({ name, groups: [] }, nowhere, clock.monotonic())
    assert.deepEqual(lines('authenticated_user_requests'), [
      'authenticated_user_requests{username="admin"} 1',
      'authenticated_user_requests{username="email_id"} 1',
      'authenticated_user_requests{username="other"} 1',
      'authenticated_user_requests{username="system:serviceaccount:kube-system:default"} 1',
    ])
    assert.deepEqual(lines('apiserver_client_certificate'), [
      'apiserver_client_certificate_expiration_seconds_sum 0',
      'apiserver_client_certificate_expiration_seconds_count 0',
    ])
  })

  test('tell what failed from what could not be looked at, and how long it took', async () => {
    const { metrics, clock, lines } = setUp()
    const begun = clock.monotonic()
    await clock.advance(250)
    metrics.failed(unauthorizedError(), begun)
    metrics.failed(forbiddenError({ group: '', resource: '' }, 'no'), begun)
    assert.deepEqual(lines('authentication_attempts'), [
      'authentication_attempts{result="success"} 0',
      'authentication_attempts{result="failure"} 1',
      'authentication_attempts{result="error"} 1',
    ])
    assert.ok(lines('authentication_duration').includes('authentication_duration_seconds_sum{result="failure"} 0.25'))
  })

  test('tell how long certificates are still good for', async () => {
    const { metrics, clock, lines } = setUp()
    const { ca } = await createClusterPki({ clusterName: 'c', addresses: ['127.0.0.1'], clock })
    const { certificate } = await issueClientCertificate(ca, { commonName: 'jane', clock })
    const x509 = new X509Certificate(certificate)
    const connection = { remoteAddress: '', certificateVerified: true, certificate: x509.raw }
    metrics.authenticated({ name: 'jane', groups: [] }, connection, clock.monotonic())
    const left = (x509.validToDate.getTime() - clock.now()) / 1000
    assert.equal(Number(lines('apiserver_client_certificate')[0]!.split(' ')[1]), left)
  })
})

test('what the authorizer says is counted', async () => {
  const { metrics, lines } = setUp()
  const answers: (() => Decision | Promise<Decision>)[] = [
    () => ({ decision: 'allow', reason: '' }),
    async () => ({ decision: 'deny', reason: '' }),
    () => ({ decision: 'no-opinion', reason: '' }),
    () => {
      throw new Error('no')
    },
    () => Promise.reject(new Error('no')),
  ]
  const authorizer: Authorizer = { authorize: () => answers.shift()!() }
  const counted = metrics.counted(authorizer)
  for (let count = answers.length; count > 0; count--)
    await Promise.resolve()
      .then(() => counted.authorize({} as Attributes))
      .catch(() => {})
  assert.deepEqual(lines('authorization_attempts_total'), [
    'authorization_attempts_total{result="allowed"} 1',
    'authorization_attempts_total{result="denied"} 1',
    'authorization_attempts_total{result="no-opinion"} 1',
    'authorization_attempts_total{result="error"} 2',
  ])
})
