import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { etcdClusters, etcdOverrides } from './etcd-overrides.ts'

describe('etcd servers of single resources', () => {
  it('are read, from several flags too', () => {
    const read = etcdOverrides('apps/deployments#http://c:1', etcdOverrides('/pods#http://a:1;http://b:1,/events#b'))
    assert.deepEqual(read, [
      { resource: '/pods', servers: ['http://a:1', 'http://b:1'] },
      { resource: '/events', servers: ['b'] },
      { resource: 'apps/deployments', servers: ['http://c:1'] },
    ])
  })

  for (const wrong of ['/events/http://127.0.0.1:4002', 'events#a', '/events#a#b', '/events#', '/events#a;', 'a/b/c#d'])
    it(`are refused: ${wrong}`, () =>
      assert.throws(() => etcdOverrides(wrong), {
        message:
          '--etcd-servers-overrides invalid, must be of format: group/resource#servers, where servers are URLs, semicolon separated',
      }))

  // As upstream's own table counts them (options/etcd_test.go).
  const rows: readonly [overrides: string, clusters: readonly (readonly [servers: string, resources: string])[]][] = [
    ['/r1#s1.com;s2.com,/r2#s1.com;s2.com', [['s1.com s2.com', '/r1 /r2']]],
    ['/r1#s1.com;s2.com,/r2#s2.com;s1.com', [['s1.com s2.com', '/r1 /r2']]],
    [
      '/r1#s1.com;s2.com,/r2#s2.com;s3.com',
      [
        ['s1.com s2.com', '/r1'],
        ['s2.com s3.com', '/r2'],
      ],
    ],
    [
      '/r1#a,/r1#b',
      [
        ['a', ''],
        ['b', '/r1'],
      ],
    ],
  ]
  for (const [overrides, clusters] of rows)
    it(`make clusters: ${overrides}`, () => {
      const made = etcdClusters(etcdOverrides(overrides))
      assert.deepEqual(
        made.map(({ servers, resources }) => [servers.join(' '), resources.join(' ')]),
        clusters,
      )
    })
})
