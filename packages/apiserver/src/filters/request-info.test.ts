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
})
