import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { type SecureServer, startSecureServer } from '../testing/secure-server.ts'
import { headOf } from './odd-methods.ts'

const HOST = 'Host: localhost\r\n'
const packet = (text: string, code = 'HPE_INVALID_METHOD'): Parameters<typeof headOf>[0] => ({
  code,
  rawPacket: Buffer.from(text),
  bytesParsed: 0,
})

describe('a request that the parser gave up on', () => {
  it('is read again where its method alone is unknown', () => {
    assert.deepEqual(headOf(packet(`FOO /a?b HTTP/1.1\r\n${HOST}X-A:  1 \r\nx-a: 2\r\n\r\n`)), {
      method: 'FOO',
      target: '/a?b',
      headers: { host: 'localhost', 'x-a': '1, 2' },
    })
  })
  it('begins where the one before it ended', () => {
    const first = `GET / HTTP/1.1\r\n${HOST}\r\n`
    const both = { ...packet(`${first}get /a HTTP/1.1\r\n${HOST}\r\n`), bytesParsed: first.length }
    assert.equal(headOf(both)?.method, 'get')
  })
  const unread: Record<string, ReturnType<typeof packet>> = {
    'another mistake': packet(`FOO / HTTP/1.1\r\n${HOST}\r\n`, 'HPE_INVALID_VERSION'),
    'not whole': packet(`FOO / HTTP/1.1\r\n${HOST}`),
    'no host': packet('FOO / HTTP/1.1\r\n\r\n'),
    'no method': packet(`F(O / HTTP/1.1\r\n${HOST}\r\n`),
    'another protocol': packet(`FOO / SIP/2.0\r\n${HOST}\r\n`),
    'no header': packet(`FOO / HTTP/1.1\r\n${HOST}x y\r\n\r\n`),
  }
  for (const [name, each] of Object.entries(unread)) {
    it(`stays unread: ${name}`, () => assert.equal(headOf(each), undefined))
  }
})

describe('methods that no parser knows, over TLS', () => {
  let secure: SecureServer
  before(async () => {
    secure = await startSecureServer()
  })
  after(() => secure.stop())

  function send(text: string): Promise<string> {
    const { ca, cert, key } = { ca: secure.pki.ca.certificate, cert: secure.admin.certificate, key: secure.admin.key }
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: Number(new URL(secure.url).port), ca, cert, key }, () =>
        socket.write(text),
      )
      let answer = ''
      socket.on('data', chunk => {
        answer += chunk
      })
      socket.on('end', () => resolve(answer))
      socket.on('error', reject)
    })
  }

  const rows: [string, string, RegExp][] = [
    ['FOO', '/api/v1/nodes', /^HTTP\/1\.1 405 [\s\S]*"reason":"MethodNotAllowed"/],
    ['get', '/api/v1', /^HTTP\/1\.1 405 /],
    ['FOO', '/healthz', /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nok$/],
    ['CONNECT', '/api/v1/nodes', /^HTTP\/1\.1 405 [\s\S]*"reason":"MethodNotAllowed"/],
    ['CONNECT', '/foo', /^HTTP\/1\.1 404 /],
    ['F/O', '/api/v1/nodes', /^HTTP\/1\.1 400 Bad Request\r\n/],
  ]
  for (const [method, path, expected] of rows) {
    it(`${method} ${path}`, async () => {
      assert.match(await send(`${method} ${path} HTTP/1.1\r\n${HOST}\r\n`), expected)
    })
  }
})
