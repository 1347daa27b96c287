import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '@canopus/apimachinery'
import { MetricsRegistry } from '@canopus/base'
import type { ApiRequest } from '../http/message.ts'
import { ImpersonationMetrics } from '../metrics/impersonation-metrics.ts'
import type { Authorizer, User } from '../security.ts'
import { Impersonation } from './impersonation.ts'
import { requestInfo } from './request-info.ts'

const ADMIN = { name: 'admin', groups: ['system:authenticated'] }

/** Allows exactly the given questions: `[verb: ]group/resource[/subresource] [namespace/]name`. */
function allowing(questions: string[], asked: string[] = []): Authorizer {
  return {
    authorize(attributes) {
      const { verb, apiGroup, resource, subresource, namespace, name } = attributes
      const what = `${apiGroup}/${resource}${subresource && `/${subresource}`} ${namespace && `${namespace}/`}${name}`
      const question = verb === 'impersonate' ? what : `${verb}: ${what}`
      const allowed = questions.includes(question)
      if (allowed) asked.push(question)
      return { decision: allowed ? 'allow' : 'no-opinion', reason: '' }
    },
  }
}

const impersonationOf = (authorizer: Authorizer, registry?: MetricsRegistry): Impersonation =>
  new Impersonation(authorizer, new ImpersonationMetrics({ monotonic: () => 0 }, registry))

const INFO = requestInfo('GET', '/api/v1/namespaces/ns/pods', '')
const ask = async (headers: Record<string, string | string[]>, authorizer: Authorizer, user: User = ADMIN) =>
  (await impersonationOf(authorizer).acting({ headers } as unknown as ApiRequest, INFO, user))?.user ?? user

describe('impersonation', () => {
  const cases: [string, Record<string, string | string[]>, string[], object][] = [
    ['nobody', {}, [], ADMIN],
    ['a user', { 'impersonate-user': 'jane' }, ['/users jane'], { name: 'jane', groups: ['system:authenticated'] }],
    [
      'a user with groups, uid and more',
      {
        'impersonate-user': 'jane',
        'impersonate-group': ['dev', 'ops'],
        'impersonate-uid': 'u1',
        'impersonate-extra-reason': 'test',
      },
      [
        '/users jane',
        'authentication.k8s.io/uids u1',
        '/groups dev',
        '/groups ops',
        'authentication.k8s.io/userextras/reason test',
      ],
      { name: 'jane', uid: 'u1', groups: ['dev', 'ops', 'system:authenticated'], extra: { reason: ['test'] } },
    ],
    [
      'a user with keys that are encoded, or not quite',
      { 'impersonate-user': 'jane', 'impersonate-extra-example.com%2fa': 'x', 'impersonate-extra-50%': 'y' },
      ['/users jane', 'authentication.k8s.io/userextras/example.com/a x', 'authentication.k8s.io/userextras/50% y'],
      { name: 'jane', groups: ['system:authenticated'], extra: { 'example.com/a': ['x'], '50%': ['y'] } },
    ],
    [
      'a service account, with the groups that follow',
      { 'impersonate-user': 'system:serviceaccount:ns:robot' },
      ['/serviceaccounts ns/robot'],
      {
        name: 'system:serviceaccount:ns:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      },
    ],
    [
      'anonymous',
      { 'impersonate-user': 'system:anonymous' },
      ['/users system:anonymous'],
      { name: 'system:anonymous', groups: ['system:unauthenticated'] },
    ],
  ]
  for (const [name, headers, questions, expected] of cases) {
    it(`of ${name} asks for exactly that and gives it`, async () => {
      const asked: string[] = []
      assert.deepEqual(await ask(headers, allowing(questions, asked)), expected)
      assert.deepEqual(asked, questions)
    })
  }

  const refusals: [string, Record<string, string>, string[], number, RegExp][] = [
    [
      'a user that may not be',
      { 'impersonate-user': 'jane' },
      [],
      403,
      /^pods is forbidden: User "admin" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "ns"$/,
    ],
    [
      'a group that may not be',
      { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' },
      ['impersonate-on:user-info:list: /pods ns/', 'impersonate:user-info: authentication.k8s.io/users jane'],
      403,
      /impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed$/,
    ],
    [
      'a group of service accounts like any other',
      { 'impersonate-user': 'jane', 'impersonate-group': 'system:serviceaccounts:kube-system' },
      [
        '/users jane',
        'impersonate-on:user-info:list: /pods ns/',
        'impersonate:user-info: authentication.k8s.io/users jane',
      ],
      403,
      /cannot impersonate:user-info resource "groups"/,
    ],
    [
      'a group and more without a user',
      { 'impersonate-group': 'dev', 'impersonate-extra-b': 'x', 'impersonate-extra-a': 'y' },
      [],
      400,
      /^requested &user\.DefaultInfo\{Name:"", UID:"", Groups:\[\]string\{"dev"\}, Extra:map\[string\]\[\]string\{"a":\[\]string\{"y"\}, "b":\[\]string\{"x"\}\}\} without impersonating a user name$/,
    ],
    [
      'a UID without a user',
      { 'impersonate-uid': '1234' },
      [],
      400,
      /^requested &user\.DefaultInfo\{Name:"", UID:"1234", Groups:\[\]string\(nil\), Extra:map\[string\]\[\]string\(nil\)\} without/,
    ],
  ]
  for (const [name, headers, questions, code, text] of refusals) {
    it(`refuses ${name}`, async () => {
      await assert.rejects(ask(headers, allowing(questions)), (error: unknown) => {
        assert.ok(error instanceof StatusError)
        assert.equal(error.code, code)
        assert.match(error.message, text)
        return true
      })
    })
  }

  const robot: User = {
    name: 'system:serviceaccount:ns:robot',
    groups: [],
    extra: { 'authentication.kubernetes.io/node-name': ['n1'] },
  }
  const on = (mode: string): string => `impersonate-on:${mode}:list: /pods ns/`
  const own = (mode: string, what: string): string => `impersonate:${mode}: authentication.k8s.io/${what}`
  const node = { name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] }
  const constrained: [string, User, Record<string, string | string[]>, string[], object | RegExp][] = [
    [
      'its own node',
      robot,
      { 'impersonate-user': 'system:node:n1' },
      [on('associated-node'), own('associated-node', 'nodes *')],
      node,
    ],
    [
      'another node',
      robot,
      { 'impersonate-user': 'system:node:n2' },
      [on('associated-node'), own('associated-node', 'nodes *')],
      /cannot impersonate-on:arbitrary-node:list resource "pods"/,
    ],
    [
      'any node',
      ADMIN,
      { 'impersonate-user': 'system:node:n1' },
      [on('arbitrary-node'), own('arbitrary-node', 'nodes n1')],
      node,
    ],
    [
      'a service account',
      ADMIN,
      { 'impersonate-user': 'system:serviceaccount:ns:x' },
      [on('serviceaccount'), own('serviceaccount', 'serviceaccounts ns/x')],
      {
        name: 'system:serviceaccount:ns:x',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      },
    ],
    [
      'no service account in the mode of users',
      ADMIN,
      { 'impersonate-user': 'system:serviceaccount:ns:x' },
      [on('user-info'), own('user-info', 'serviceaccounts ns/x')],
      /impersonate-on:serviceaccount:list/,
    ],
    [
      'a user with groups',
      ADMIN,
      { 'impersonate-user': 'jane', 'impersonate-group': ['dev'] },
      [on('user-info'), own('user-info', 'users jane'), own('user-info', 'groups dev')],
      { name: 'jane', groups: ['dev', 'system:authenticated'] },
    ],
    [
      'many groups at once',
      ADMIN,
      { 'impersonate-user': 'jane', 'impersonate-group': ['a', 'b', 'c', 'd'] },
      [on('user-info'), own('user-info', 'users jane'), own('user-info', 'groups *')],
      { name: 'jane', groups: ['a', 'b', 'c', 'd', 'system:authenticated'] },
    ],
    [
      'nobody for want of the verb on what is asked for',
      ADMIN,
      { 'impersonate-user': 'jane' },
      [own('user-info', 'users jane')],
      /impersonate-on:user-info:list resource "pods"/,
    ],
    [
      'extra with a strange key',
      ADMIN,
      { 'impersonate-user': 'jane', 'impersonate-extra-reason': 'x' },
      [on('user-info'), own('user-info', 'users jane'), own('user-info', 'userextras/reason x')],
      /impersonating an invalid key in extra is not allowed/,
    ],
  ]
  for (const [name, user, headers, questions, expected] of constrained) {
    it(`constrained: ${name}`, async () => {
      const asked: string[] = []
      const answer = ask(headers, allowing(questions, asked), user)
      if (expected instanceof RegExp) return assert.rejects(answer, expected)
      assert.deepEqual(await answer, expected)
      assert.deepEqual(asked, questions)
    })
  }

  it('tries first what went last', async () => {
    const asked: string[] = []
    const impersonation = impersonationOf({
      authorize({ verb }) {
        asked.push(verb)
        return { decision: verb === 'impersonate' ? 'allow' : 'no-opinion', reason: '' }
      },
    })
    const request = { headers: { 'impersonate-user': 'jane' } } as unknown as ApiRequest
    await impersonation.acting(request, INFO, ADMIN)
    assert.equal((await impersonation.acting(request, INFO, ADMIN))?.constraint, undefined)
    assert.deepEqual(asked, ['impersonate-on:user-info:list', 'impersonate', 'impersonate'])
  })

  it('counts attempts and questions by mode and decision', async () => {
    const registry = new MetricsRegistry()
    const allowed = [
      'impersonate-on:user-info:list: /pods ns/',
      'impersonate:user-info: authentication.k8s.io/users jane',
    ]
    const impersonation = impersonationOf(allowing(allowed), registry)
    const as = (user: string) =>
      impersonation.acting({ headers: { 'impersonate-user': user } } as unknown as ApiRequest, INFO, ADMIN)
    await as('jane')
    await assert.rejects(as('joe')!)
    const counts = registry
      .text()
      .split('\n')
      .filter(line => /^apiserver_impersonation_\w+_(total|duration_seconds_count)\{/.test(line))
      .map(line => line.slice('apiserver_impersonation_'.length))
    assert.deepEqual(counts.sort(), [
      'attempts_duration_seconds_count{decision="allowed",mode="user-info"} 1',
      'attempts_duration_seconds_count{decision="denied",mode=""} 1',
      'attempts_total{decision="allowed",mode="user-info"} 1',
      'attempts_total{decision="denied",mode=""} 1',
      'authorization_attempts_duration_seconds_count{decision="allowed",mode="user-info"} 3',
      'authorization_attempts_duration_seconds_count{decision="denied",mode="legacy"} 1',
      'authorization_attempts_duration_seconds_count{decision="denied",mode="user-info"} 1',
      'authorization_attempts_total{decision="allowed",mode="user-info"} 3',
      'authorization_attempts_total{decision="denied",mode="legacy"} 1',
      'authorization_attempts_total{decision="denied",mode="user-info"} 1',
    ])
  })
})
