import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { requestInfo } from './request-info.ts'

describe('what a request asks for', () => {
  const base = '/api/v1/namespaces/default/configmaps'
  const table: readonly [method: string, path: string, query: string, verb: string, name: string][] = [
    ['GET', base, '', 'list', ''],
    ['GET', base, 'watch=1', 'watch', ''],
    ['GET', base, 'watch=0', 'list', ''],
    ['GET', `${base}/one`, 'watch=1', 'get', 'one'],
    ['GET', '/api/v1/watch/namespaces/default/configmaps/one', '', 'watch', 'one'],
    ['GET', base, 'fieldSelector=metadata.name%3Done', 'list', 'one'],
    ['GET', base, 'watch=1&fieldSelector=metadata.name%3Done', 'watch', 'one'],
    ['GET', base, 'fieldSelector=metadata.name%3Da%2Fb', 'list', ''],
    ['GET', base, 'fieldSelector=metadata.name%3D..', 'list', ''],
    ['DELETE', base, 'fieldSelector=metadata.name%3Done', 'deletecollection', ''],
    ['DELETE', `${base}/one`, '', 'delete', 'one'],
  ]
  for (const [method, path, query, verb, name] of table) {
    test(`${method} ${path}?${query}`, () => {
      const info = requestInfo(method, path, query)
      assert.deepEqual([info.verb, info.name], [verb, name])
    })
  }

  const places: readonly [path: string, namespace: string, resource: string, name: string, subresource: string][] = [
    ['//api/v1/nodes', '', 'nodes', '', ''],
    ['/api/v1/nodes//', '', 'nodes', '', ''],
    ['/api/v1/nodes/n1//', '', 'nodes', 'n1', ''],
    ['/api/v1/nodes//n1', '', 'nodes', '', 'n1'],
    ['/api/v1//nodes', '', '', 'nodes', ''],
    ['/api/v1/namespaces//pods', '', 'pods', '', ''],
    ['/api/v1/namespaces/default//pods', 'default', '', 'pods', ''],
    ['/api/v1/nodes/n1%2Fstatus', '', 'nodes', 'n1', 'status'],
    ['/api/v1/namespaces/', '', 'namespaces', '', ''],
    ['/api/v1/namespaces/default/', 'default', 'namespaces', 'default', ''],
  ]
  for (const [path, ...expected] of places) {
    test(path, () => {
      const { namespace, resource, name, subresource } = requestInfo('GET', path, '')
      assert.deepEqual([namespace, resource, name, subresource], expected)
    })
  }
  test('paths without a resource', () => {
    for (const path of ['/', '//', '/api', '/api/v1', '/api/v1/', '/apis/apps/v1//', '*', '']) {
      assert.equal(requestInfo('GET', path, '').isResourceRequest, false)
    }
  })
})
