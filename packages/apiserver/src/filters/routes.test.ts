import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MetricsRegistry } from '@canopus/base'
import { RequestMetrics } from '../metrics/request-metrics.ts'
import { requestInfo } from './request-info.ts'
import { Routes } from './routes.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const PATHS = [
  '/',
  '/livez',
  '/api',
  '/api/v1',
  '/api/v1/',
  '/api/v1/pods',
  '/api/v1/pods/',
  '/api/v1/pods/p',
  '/api/v1/namespaces',
  '/api/v1/namespaces/',
  '/api/v1/namespaces/a',
  '/api/v1/namespaces/b',
  '/api/v1/namespaces/pods',
  '/api/v1/namespaces/namespaces',
  '/api/v1/namespaces/a/status',
  '/api/v1/namespaces/a/finalize',
  '/api/v1/namespaces/a/pods',
  '/api/v1/namespaces/a/pods/',
  '/api/v1/namespaces/a/pods/p',
  '/api/v1/namespaces/a/pods/q',
  '/api/v1/namespaces/a/pods/pods',
  '/api/v1/namespaces/a/pods/%70',
  '/api/v1/namespaces/a/pods/%zz',
  '/api/v1/namespaces/a%2fb/pods/p',
  '/api/v1/namespaces/a/pods/p/',
  '/api/v1/namespaces/a/pods/p/status',
  '/api/v1/namespaces/a/pods/p/proxy/a/b/',
  '/api/v1/namespaces/a/pods//p',
  '/api/v1/namespaces//pods/p',
  '/api/v1/namespaces/a/namespaces/a',
  '/api/v1/namespaces/a/namespaces/b',
  '/api/v1/watch/watch',
  '/api/v1/watch/pods',
  '/api/v1/watch/pods/p',
  '/api/v1/watch/namespaces/a',
  '/api/v1/watch/namespaces/a/pods',
  '/api/v1/watch/namespaces/a/pods/p',
  '/apis/apps/v1/deployments',
  '/apis/apps/v1/namespaces/a/deployments/d',
  '/apis/apps/v1/namespaces/a/deployments/d/scale',
  `/api/v1/namespaces/a/pods/${'p'.repeat(600)}`,
]
const QUERIES = ['', 'watch=true', 'fieldSelector=metadata.name%3Dp', 'limit=5', 'fieldManager=a&dryRun=All']

/** What a path means, without the route; the error's name where it means nothing. */
function meaning(read: () => object): unknown {
  try {
    const { route: _, query, ...rest } = read() as ReturnType<typeof requestInfo>
    return { ...rest, query: query.toString() }
  } catch (error) {
    return (error as Error).name
  }
}

describe('routes', () => {
  it('change nothing about what a path means, whatever was asked for before', () => {
    const routes = new Routes()
    // Forwards, backwards, and forwards again: each path comes before and after each other one.
    for (const paths of [PATHS, [...PATHS].reverse(), PATHS])
      for (const method of METHODS)
        for (const path of paths)
          for (const query of QUERIES)
            assert.deepEqual(
              meaning(() => routes.infoOf(method, path, query)),
              meaning(() => requestInfo(method, path, query)),
              `${method} ${path}?${query}`,
            )
  })

  const pod = '/api/v1/namespaces/a/pods/p'
  const pods = '/api/v1/namespaces/a/pods'
  const rows: readonly [string, [string, string, string?], [string, string, string?], boolean][] = [
    ['is the same for two objects', ['GET', pod], ['GET', '/api/v1/namespaces/a/pods/q'], true],
    ['is the same for a collection', ['GET', '/api/v1/pods'], ['GET', '/api/v1/pods'], true],
    ['differs by method', ['GET', pod], ['PUT', pod], false],
    ['differs by namespace', ['GET', pod], ['GET', '/api/v1/namespaces/b/pods/p'], false],
    ['differs by resource', ['GET', pod], ['GET', '/api/v1/namespaces/a/secrets/p'], false],
    ['differs for object and collection', ['DELETE', pod], ['DELETE', pods], false],
    ['is the same for writes with one query', ['POST', pods, 'dryRun=All'], ['POST', pods, 'dryRun=All'], true],
    ['differs by the query of writes', ['POST', pods, 'dryRun=All'], ['POST', pods, 'fieldManager=a'], false],
    ['differs with and without one', ['PUT', pod, 'fieldManager=a'], ['PUT', pod], false],
  ]
  for (const [name, one, other, same] of rows)
    it(name, () => {
      const routes = new Routes()
      const routeOf = ([method, path, query = '']: readonly [string, string, string?]) =>
        routes.infoOf(method, path, query).route
      const route = routeOf(one)
      assert.ok(route)
      assert.equal(routeOf(other) === route, same)
    })

  for (const path of ['/livez', '/api/v1/namespaces/a', `${pod}/status`, '/api/v1/namespaces/a/pods/%70'])
    it(`is missing for ${path}`, () => assert.equal(new Routes().infoOf('GET', path, '').route, undefined))
  it('is missing where a read has a query', () =>
    assert.equal(new Routes().infoOf('GET', pod, 'limit=5').route, undefined))
  it('is missing where the query of a write is long', () =>
    assert.equal(new Routes().infoOf('POST', '/api/v1/pods', `fieldManager=${'m'.repeat(600)}`).route, undefined))

  it('have the figures of what is asked for', () => {
    const metrics = new RequestMetrics(new MetricsRegistry())
    const routes = new Routes()
    const types = ['application/merge-patch+json', 'application/apply-patch+yaml']
    for (let twice = 0; twice < 2; twice++)
      for (const method of METHODS)
        for (const path of PATHS.filter(each => !each.includes('%')))
          for (const query of ['', 'dryRun=All', 'fieldManager=a'])
            for (const type of method === 'PATCH' ? types : [undefined])
              assert.equal(
                metrics.seriesOf(method, routes.infoOf(method, path, query), type),
                metrics.seriesOf(method, requestInfo(method, path, query), type),
                `${method} ${path} ${query}`,
              )
  })

  it('are forgotten when there are too many', () => {
    const routes = new Routes()
    const first = routes.infoOf('GET', pod, '').route
    for (let n = 0; n < 2046; n++) routes.infoOf('GET', `/api/v1/namespaces/n${n}/pods`, '')
    assert.equal(routes.infoOf('GET', pod, '').route, first)
    for (let n = 0; n < 5; n++) routes.infoOf('GET', `/api/v1/namespaces/m${n}/pods`, '')
    assert.notEqual(routes.infoOf('GET', pod, '').route, first)
  })
})
