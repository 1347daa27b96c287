import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerProblem, transportProblem } from './problems.ts'

const ORIGIN = 'https://hook.ns.svc:443'

describe('what stands between the server and a webhook', () => {
  const table: readonly [error: object, text: string][] = [
    [{ code: 'ECONNREFUSED', address: '10.0.0.1', port: 8443 }, 'dial tcp 10.0.0.1:8443: connect: connection refused'],
    [{ code: 'ECONNREFUSED', address: 'fd00::1', port: 1 }, 'dial tcp [fd00::1]:1: connect: connection refused'],
    [{ code: 'EHOSTUNREACH', address: '10.0.0.1', port: 1 }, 'dial tcp 10.0.0.1:1: connect: no route to host'],
    [{ code: 'ENOTFOUND', hostname: 'x.example.com' }, 'dial tcp: lookup x.example.com: no such host'],
    [{ code: 'UND_ERR_SOCKET', message: 'other side closed' }, 'EOF'],
    [
      { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ],
    [
      { code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert: { subjectaltname: 'DNS:a, IP Address:1.2.3.4' } },
      'tls: failed to verify certificate: x509: certificate is valid for a, not hook.ns.svc',
    ],
    [{ errors: [{ code: 'ECONNREFUSED', address: '::1', port: 2 }] }, 'dial tcp [::1]:2: connect: connection refused'],
    [{ message: '', cause: { message: 'deep' } }, 'deep'],
    [
      { code: 'EPROTO', message: 'write EPROTO 1:error:0A00010B:SSL routines:x:wrong version number:y.c:1:' },
      'http: server gave HTTP response to HTTPS client',
    ],
    [{ message: 'service "hook" not found' }, 'service "hook" not found'],
  ]
  for (const [error, text] of table) it(text, () => assert.equal(transportProblem(error, ORIGIN), text))
})

describe('certificates of somebody else', () => {
  const hosts: readonly [origin: string, cert: object, text: string][] = [
    ['https://a', { subjectaltname: 'DNS:b, IP Address:1.2.3.4, DNS:c' }, 'certificate is valid for b, c, not a'],
    [
      'https://1.2.3.5:1',
      { subjectaltname: 'DNS:b, IP Address:1.2.3.4' },
      'certificate is valid for 1.2.3.4, not 1.2.3.5',
    ],
    [
      'https://[::1]:2',
      { subjectaltname: 'DNS:::1' },
      "cannot validate certificate for ::1 because it doesn't contain any IP SANs",
    ],
    [
      'https://a',
      { subjectaltname: 'IP Address:::1' },
      'certificate is not valid for any names, but wanted to match a',
    ],
    ['https://a', { subject: { CN: 'a' } }, 'certificate relies on legacy Common Name field, use SANs instead'],
    [
      'https://a',
      { subjectaltname: Array.from({ length: 100 }, (_, index) => `DNS:b${index}`).join(', ') },
      'certificate is valid for 100 names, but none matched a',
    ],
  ]
  for (const [origin, cert, text] of hosts)
    it(text, () =>
      assert.equal(
        transportProblem({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert }, origin),
        `tls: failed to verify certificate: x509: ${text}`,
      ),
    )
})

describe('answers that are none', () => {
  const table: readonly [status: number, body: string, text: string, contentType?: string][] = [
    [400, 'x', 'the server rejected our request for an unknown reason'],
    [403, 'no', 'no'],
    [404, '404 page not found', 'the server could not find the requested resource'],
    [406, '', 'the server was unable to respond with a content type that the client supports'],
    [406, 'only YAML', 'only YAML'],
    [409, 'x', 'the server reported a conflict'],
    [415, 'only YAML', 'only YAML'],
    [422, 'x', 'the server rejected our request due to an error in our request'],
    [418, '', 'the server responded with the status code 418 but did not return more information'],
    [500, 'boom', 'an error on the server ("boom") has prevented the request from succeeding'],
    [502, '', 'an error on the server ("") has prevented the request from succeeding'],
    [502, ' boom\n', 'an error on the server ("boom") has prevented the request from succeeding', 'text/plain'],
    [502, '{}', 'an error on the server ("unknown") has prevented the request from succeeding', 'application/json'],
    [503, '{}', 'the server is currently unable to handle the request', 'application/json'],
    [503, '', 'the server is currently unable to handle the request'],
    [500, '{"kind":"Status","message":"said so"}', 'said so'],
  ]
  for (const [status, body, text, contentType] of table)
    it(`${status} ${contentType ?? ''}: ${text}`, () => assert.equal(answerProblem(status, body, contentType), text))
})
