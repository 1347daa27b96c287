import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Health, type HealthCheck } from './health.ts'

const fine = (name: string, scope: HealthCheck['scope'] = 'all'): HealthCheck => ({ name, scope, check: () => {} })
const broken = (name: string): HealthCheck => ({
  name,
  scope: 'all',
  check: async () => {
    throw new Error('no connection')
  },
})

interface Row {
  name: string
  checks?: HealthCheck[]
  path: string
  status: number
  body: string
}

const both = [fine('etcd'), fine('informer-sync', 'ready')]
const rows: readonly Row[] = [
  { name: 'all is well', checks: both, path: '/livez', status: 200, body: 'ok' },
  {
    name: 'in words',
    checks: both,
    path: '/livez?verbose',
    status: 200,
    body: '[+]ping ok\n[+]etcd ok\nlivez check passed\n',
  },
  {
    name: 'readiness has more',
    checks: both,
    path: '/readyz?verbose=true',
    status: 200,
    body: '[+]ping ok\n[+]etcd ok\n[+]informer-sync ok\nreadyz check passed\n',
  },
  {
    name: 'some checks say nothing of readiness',
    checks: [fine('loopback-serving-certificate', 'live')],
    path: '/healthz?verbose',
    status: 200,
    body: '[+]ping ok\n[+]loopback-serving-certificate ok\nhealthz check passed\n',
  },
  {
    name: 'and are not there to be asked about it',
    checks: [fine('loopback-serving-certificate', 'live')],
    path: '/readyz?verbose',
    status: 200,
    body: '[+]ping ok\nreadyz check passed\n',
  },
  {
    name: 'failures are told without the reason',
    checks: [broken('etcd')],
    path: '/healthz',
    status: 500,
    body: '[+]ping ok\n[-]etcd failed: reason withheld\nhealthz check failed\n',
  },
  {
    name: 'excluded checks are not made',
    checks: [broken('etcd')],
    path: '/livez?verbose&exclude=etcd',
    status: 200,
    body: '[+]ping ok\n[+]etcd excluded: ok\nlivez check passed\n',
  },
  {
    name: 'nor are those of an excluded group',
    checks: [broken('etcd'), { ...broken('etcd-override-0'), group: 'etcd' }],
    path: '/livez?verbose&exclude=etcd',
    status: 200,
    body: '[+]ping ok\n[+]etcd excluded: ok\n[+]etcd-override-0 excluded with etcd: ok\nlivez check passed\n',
  },
  {
    name: 'checks that are not there cannot be excluded',
    checks: [],
    path: '/livez?verbose&exclude=foo&exclude=bar',
    status: 200,
    body: '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "bar","foo"\nlivez check passed\n',
  },
  { name: 'one check', checks: both, path: '/livez/etcd', status: 200, body: 'ok' },
  {
    name: 'one that fails',
    checks: [broken('etcd')],
    path: '/livez/etcd',
    status: 500,
    body: 'internal server error: no connection\n',
  },
  {
    name: 'a hook',
    checks: [fine('poststarthook/rbac/bootstrap-roles')],
    path: '/readyz/poststarthook/rbac/bootstrap-roles',
    status: 200,
    body: 'ok',
  },
]

describe('health', () => {
  for (const { name, checks = [], path, status, body } of rows) {
    it(name, async () => {
      const [target = '', query = ''] = path.split('?')
      const answer = await new Health(() => checks).serve({ path: target, query })
      assert.equal(Buffer.from(answer!.body as Uint8Array).toString(), body)
      assert.equal(answer!.status, status)
    })
  }
  for (const path of ['/livez/informer-sync', '/livez/none', '/other', '/healthzz']) {
    it(`has no ${path}`, async () => {
      assert.equal(await new Health(() => both).serve({ path, query: '' }), undefined)
    })
  }
  it('does not count at /livez while it starts', async () => {
    let starts = true
    const wrong = { name: 'etcd', scope: 'all' as const, check: () => Promise.reject(new Error('not yet')) }
    const health = new Health(
      () => [wrong],
      () => starts,
    )
    const statuses = () =>
      Promise.all(
        ['/livez', '/livez/etcd', '/readyz'].map(async path => (await health.serve({ path, query: '' }))!.status),
      )
    assert.deepEqual(await statuses(), [200, 200, 500])
    starts = false
    assert.deepEqual(await statuses(), [500, 500, 500])
  })
})
