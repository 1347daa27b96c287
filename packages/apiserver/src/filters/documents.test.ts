import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const PAGE = /^404 page not found\n$/
const STATUS = /"reason":"NotFound"/
const NONE = /^$/

/** Method, path, media type asked for; code and what the answer says. */
const cases: readonly [string, string, string | undefined, number, RegExp][] = [
  ['GET', '/version//', undefined, 200, /gitVersion/],
  ['GET', '/version/foo', undefined, 404, STATUS],
  ['GET', '/version', 'application/yaml', 406, /Available representations: application\/json$/m],
  ['GET', '/api//', undefined, 200, /APIVersions/],
  ['GET', '/api', 'application/*', 406, /406: Not Acceptable/],
  ['GET', '/apis', 'application/*', 200, /APIGroupList/],
  ['GET', '/apis/', undefined, 200, /APIGroupList/],
  ['GET', '/apis//', undefined, 404, PAGE],
  ['GET', '/apis/apps/v1', 'text/html', 406, /406: Not Acceptable/],
  ['POST', '/apis/apps/v1', undefined, 405, /MethodNotAllowed/],
  ['POST', '/apis/apps', undefined, 200, /APIGroup/],
  ['GET', '/index.html', undefined, 200, /"paths"/],
  ['GET', '/healthz/', undefined, 404, PAGE],
  ['GET', '/livez/ping', undefined, 200, /^ok$/],
  ['GET', '//api/v1', undefined, 404, PAGE],
  ['GET', '/openapi/v3/', undefined, 404, NONE],
  ['GET', '/openapi/v3/foo', undefined, 404, NONE],
  ['GET', '/openapi/v3/api/v1', 'text/html', 406, NONE],
  ['GET', '/openapi/v2', 'text/html', 406, NONE],
  ['GET', '/api/v1/watch', undefined, 500, /^Internal Server Error: "\/api\/v1\/watch": failed to create RequestInfo/],
  ['POST', '/api/v1/watch/nodes', undefined, 405, /MethodNotAllowed/],
  ['GET', '/api/v1/nodes/n1/status/foo', undefined, 404, STATUS],
  ['GET', '/api/v1/nodes/n1//status', undefined, 404, STATUS],
  ['GET', '/api/v1/namespaces/default/namespaces', undefined, 404, STATUS],
  ['GET', '/api/v1/nodes?limit=%zz', undefined, 200, /NodeList/],
  ['GET', '/api/v1/namespaces/default/pods/%', undefined, 400, /^400 Bad Request$/],
  ['TRACE', '/api/v1/nodes/n1/proxy', undefined, 405, /MethodNotAllowed/],
]

describe('paths', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  for (const [method, path, accept, code, said] of cases) {
    it(`${method} ${path} as ${accept ?? 'anything'}`, async () => {
      const { status, text } = await server.send(method, path, undefined, accept === undefined ? {} : { accept })
      assert.equal(status, code, text)
      assert.match(text, said)
    })
  }

  for (const [path, hidden] of [
    ['/metrics', true],
    ['/livez/ping', true],
    ['/livez', false],
    ['/foo', false],
  ] as const) {
    it(`${path} ${hidden ? 'does not say' : 'says'} that clients are not to guess what it is`, async () => {
      const { headers } = await server.send('GET', path)
      assert.equal(headers['x-content-type-options'], hidden ? undefined : 'nosniff')
    })
  }
})
