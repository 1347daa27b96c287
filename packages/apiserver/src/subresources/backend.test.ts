import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unreachable } from './backend.ts'

const NOT_TLS = 'write EPROTO 1:error:0A00010B:SSL routines:x:wrong version number:y.c:1:'
const table: [error: object, message: string][] = [
  [{ code: 'ECONNREFUSED', address: '10.0.0.1', port: 9 }, 'dial tcp 10.0.0.1:9: connect: connection refused'],
  [{ code: 'EPROTO', message: NOT_TLS }, 'tls: first record does not look like a TLS handshake'],
]
for (const [error, message] of table) {
  test(`a proxied server that cannot be reached: ${message}`, () => {
    const { status } = unreachable({ tls: true, host: '10.0.0.1', port: 9, path: '/' }, error as Error)
    assert.deepEqual([status.code, status.message], [503, `error trying to reach service: ${message}`])
  })
}
