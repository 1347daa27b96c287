import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { type CertifiedKey, createAuthority, issueClientCertificate, systemClock } from '@canopus/platform'
import type { AuthenticationRequest, Connection } from '../security.ts'
import { ClientCertificateAuthenticator } from './client-certificate.ts'
import { type RequestHeaderOptions, requestHeaderAuthenticator } from './request-header.ts'

const clock = systemClock
let proxyCa: CertifiedKey
let clientCa: CertifiedKey
before(async () => {
  proxyCa = await createAuthority({ commonName: 'front proxies', clock })
  clientCa = await createAuthority({ commonName: 'clients', clock })
})

async function connection(ca: CertifiedKey, commonName: string, verified = true): Promise<Connection> {
  const { certificate } = await issueClientCertificate(ca, { commonName, clock })
  return {
    remoteAddress: '127.0.0.1',
    certificate: new X509Certificate(certificate).raw,
    certificateVerified: verified,
  }
}

type Headers = Record<string, string | string[]>

const request = (headers: Headers, own: Connection): AuthenticationRequest => ({
  headers,
  connection: own,
  method: 'GET',
  path: '/',
})

const authenticator = (options: Partial<RequestHeaderOptions> = {}, now = () => Date.now()) =>
  requestHeaderAuthenticator({ clientCa: proxyCa.certificate, allowedNames: ['front-proxy-client'], ...options }, now)

describe('the identity in headers', () => {
  const cases: [string, Headers, Partial<RequestHeaderOptions>, object | undefined][] = [
    ['nobody', { 'x-remote-group': 'dev' }, {}, undefined],
    ['a user', { 'x-remote-user': 'jane' }, {}, { name: 'jane', groups: [] }],
    [
      'everything',
      {
        'x-remote-user': 'jane',
        'x-remote-uid': 'u1',
        'x-remote-group': ['dev', 'a, b', ''],
        'x-remote-extra-example.com%2freason': ['x', 'y'],
        'x-remote-extra-50%': 'z',
      },
      {},
      {
        name: 'jane',
        uid: 'u1',
        groups: ['dev', 'a, b'],
        extra: { 'example.com/reason': ['x', 'y'], '50%': ['z'] },
      },
    ],
    ['a name in UTF-8', { 'x-remote-user': 'jÃ¶e' }, {}, { name: 'jöe', groups: [] }],
    [
      'headers of other names, the first with a value',
      { 'x-user': '', 'x-login': 'jane', 'x-team': 'dev', 'x-more-a': '1', 'x-remote-user': 'joe' },
      { usernameHeaders: [' X-User', 'X-Login'], groupHeaders: ['X-Team'], extraHeaderPrefixes: ['X-More-'] },
      { name: 'jane', groups: ['dev'], extra: { a: ['1'] } },
    ],
  ]
  for (const [name, headers, options, user] of cases) {
    it(`is ${name}`, async () => {
      const found = await authenticator(options).authenticate(
        request(headers, await connection(proxyCa, 'front-proxy-client')),
      )
      assert.deepEqual(found?.user, user)
    })
  }

  const refusals: [string, () => Promise<Connection>, Partial<RequestHeaderOptions>, RegExp][] = [
    ['that TLS did not verify', () => connection(proxyCa, 'front-proxy-client', false), {}, /unknown authority/],
    [
      'of another name',
      () => connection(proxyCa, 'somebody'),
      {},
      /subject with cn=somebody is not in the allowed list/,
    ],
  ]
  for (const [name, make, options, text] of refusals) {
    it(`is not believed from a certificate ${name}`, async () => {
      const asked = request({ 'x-remote-user': 'root' }, await make())
      assert.throws(() => authenticator(options).authenticate(asked), text)
    })
  }

  it('is not believed from a certificate of another authority', async () => {
    const asked = request({ 'x-remote-user': 'root' }, await connection(clientCa, 'front-proxy-client'))
    assert.equal(authenticator().authenticate(asked), undefined)
  })

  it('is not believed without a certificate, and from any name where none is given', async () => {
    const plain = { remoteAddress: '127.0.0.1', certificateVerified: false }
    assert.equal(authenticator().authenticate(request({ 'x-remote-user': 'root' }, plain)), undefined)
    const any = authenticator({ allowedNames: [] })
    const found = await any.authenticate(request({ 'x-remote-user': 'jane' }, await connection(proxyCa, 'x')))
    assert.equal(found?.user.name, 'jane')
  })

  it('is not believed once the certificate has ended, however old the connection', async () => {
    const asked = request({ 'x-remote-user': 'jane' }, await connection(proxyCa, 'front-proxy-client'))
    const later = authenticator({}, () => Date.now() + 400 * 24 * 3_600_000)
    assert.throws(() => later.authenticate(asked), /has expired/)
  })

  it('needs names of headers', () => assert.throws(() => authenticator({ groupHeaders: [' '] }), /empty header name/))
})

it('authorities may be others while the server runs', async () => {
  let authorities = proxyCa.certificate
  const own = authenticator({ clientCa: () => authorities })
  const asked = request({ 'x-remote-user': 'jane' }, await connection(proxyCa, 'front-proxy-client'))
  const later = request({ 'x-remote-user': 'jane' }, await connection(clientCa, 'front-proxy-client'))
  const names = async () => [(await own.authenticate(asked))?.user.name, (await own.authenticate(later))?.user.name]
  assert.deepEqual(await names(), ['jane', undefined])
  authorities = clientCa.certificate
  assert.deepEqual(await names(), [undefined, 'jane'])
})

describe("a front proxy's certificate", () => {
  it('is no credential of its own', async () => {
    const own = new ClientCertificateAuthenticator(() => Date.now(), clientCa.certificate)
    const proxy = await connection(proxyCa, 'system:masters')
    assert.throws(() => own.authenticate(request({}, proxy)), /unknown authority/)
    assert.equal(own.authenticate(request({}, await connection(clientCa, 'jane')))?.user.name, 'jane')
  })
})
