import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { startSecureServer } from '../testing/secure-server.ts'

it('a server that goes down sends away who has nothing under way, and answers what it began', async t => {
  const { pki, admin, url, stop } = await startSecureServer()
  const identity = { ca: pki.ca.certificate, cert: admin.certificate, key: admin.key }
  const address = { ...identity, host: '127.0.0.1', port: Number(new URL(url).port) }
  const idle = connectTls({ ...address, ALPNProtocols: ['http/1.1'] })
  idle.write('GET /version HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(idle, 'data')
  const session = connect(url, identity)
  t.after(() => session.destroy())
  const create = session.request({
    ':method': 'POST',
    ':path': '/api/v1/namespaces',
    'content-type': 'application/json',
  })
  const answered = once(create, 'response')
  const other = session.request({ ':path': '/version' })
  other.resume()
  await once(other, 'close')

  const away = Promise.all([once(session, 'goaway'), once(idle, 'close')])
  const stopped = stop()
  await away
  await assert.rejects(once(connectTls(address), 'secureConnect'), { code: 'ECONNREFUSED' })

  create.end(JSON.stringify({ metadata: { name: 'last' } }))
  const [headers] = await answered
  assert.equal(headers[':status'], 201)
  create.resume()
  await stopped
})
