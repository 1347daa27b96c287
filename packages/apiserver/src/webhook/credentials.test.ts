import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { credentialsByHost } from './credentials.ts'

const FILES: Record<string, string> = {
  '/etc/hooks/kubeconfig': `
current-context: c
contexts: [{name: c, context: {user: of-context}}]
users:
- {name: 'hook.ns.svc:443', user: {token: exact}}
- {name: '*.ns.svc', user: {tokenFile: token}}
- {name: '*.other.svc:8443', user: {username: jane, password: secret}}
- {name: both.example.com, user: {username: jane, password: secret, token: x}}
- {name: '*.example.org', user: {client-certificate-data: ${Buffer.from('CERT').toString('base64')}, client-key: key.pem}}
- {name: ran.example.com, user: {exec: {command: a}}}
- {name: old.example.com, user: {auth-provider: {name: a}}}
- {name: as.example.com, user: {as: jane, as-groups: [a, b], as-user-extra: {k: [v]}}}
- {name: of-context, user: {token: context}}
`,
  '/etc/hooks/token': 'from-file\n',
  '/etc/hooks/key.pem': 'KEY',
}

describe('credentials of webhooks by host', () => {
  const of = credentialsByHost('/etc/hooks/kubeconfig', path => FILES[path]!)
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  const found: [string, object][] = [
    ['hook.ns.svc:443', bearer('exact')],
    ['other.ns.svc:443', bearer('from-file')],
    ['other.ns.svc:444', bearer('context')],
    ['hook.other.svc:8443', { headers: { authorization: `Basic ${Buffer.from('jane:secret').toString('base64')}` } }],
    ['a.b.example.org:443', { cert: 'CERT', key: 'KEY', headers: {} }],
    [
      'as.example.com:443',
      { headers: { 'impersonate-user': 'jane', 'impersonate-group': ['a', 'b'], 'impersonate-extra-k': ['v'] } },
    ],
    ['127.0.0.1:9', bearer('context')],
  ]
  for (const [host, expected] of found) it(host, () => assert.deepEqual(of(host), expected))

  const refused: [string, string][] = [
    ['both.example.com:443', 'username/password or bearer token may be set, but not both'],
    ['old.example.com:443', 'auth provider not supported'],
    ['ran.example.com:443', 'credentials that a program gives are not supported for webhooks'],
  ]
  for (const [host, message] of refused) it(`refused: ${host}`, () => assert.throws(() => of(host), { message }))

  it('everybody else by *, nobody where there is nothing', () => {
    const star = credentialsByHost('/k', () => `users: [{name: '*', user: {token: star}}]`)
    assert.deepEqual(star('a:1'), bearer('star'))
    assert.equal(credentialsByHost('/k', () => 'users: null')('a:1'), undefined)
  })
})
