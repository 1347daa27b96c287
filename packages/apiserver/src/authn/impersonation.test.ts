import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { StatusError } from '@canopus/apimachinery'
import { impersonate } from '../filters/authentication.ts'
import type { ApiRequest } from '../http/message.ts'
import type { Authorizer } from '../security.ts'

const ADMIN = { name: 'admin', groups: ['system:authenticated'] }

/** Allows exactly the given questions: `group/resource[/subresource] [namespace/]name`. */
function allowing(questions: string[], asked: string[] = []): Authorizer {
  return {
    authorize(attributes) {
      assert.equal(attributes.verb, 'impersonate')
      const { apiGroup, resource, subresource, namespace, name } = attributes
      const question = `${apiGroup}/${resource}${subresource && `/${subresource}`} ${namespace && `${namespace}/`}${name}`
      asked.push(question)
      return { decision: questions.includes(question) ? 'allow' : 'no-opinion', reason: '' }
    },
  }
}

const ask = async (headers: Record<string, string | string[]>, authorizer: Authorizer) =>
  impersonate(authorizer, { headers } as unknown as ApiRequest, ADMIN)

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
        '/groups dev',
        '/groups ops',
        'authentication.k8s.io/uids u1',
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
      /^users "jane" is forbidden: User "admin" cannot impersonate resource "users" in API group "" at the cluster scope$/,
    ],
    [
      'a group that may not be',
      { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' },
      ['/users jane'],
      403,
      /resource "groups"/,
    ],
    [
      'a group of service accounts like any other',
      { 'impersonate-user': 'jane', 'impersonate-group': 'system:serviceaccounts:kube-system' },
      ['/users jane'],
      403,
      /resource "groups"/,
    ],
    ['a group without a user', { 'impersonate-group': 'dev' }, [], 400, /without impersonating a user/],
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
})
