import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pods } from '@canopus/api'
import { request } from '../testing/request.ts'
import { createReview, readVerdict, reviewVersion } from './review.ts'

const V1 = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' }
const answer = (response: object, more: object = {}): object => ({
  ...V1,
  response: { uid: 'u', ...response },
  ...more,
})
const some = Buffer.from('[]').toString('base64')

describe('answers to reviews', () => {
  const table: readonly [name: string, mutating: boolean, answer: unknown, refusal: string][] = [
    ['nothing', false, undefined, 'webhook response was absent'],
    ['no response', false, V1, 'webhook response was absent'],
    ['another uid', false, answer({ uid: 'x' }), 'expected response.uid="u", got "x"'],
    ['no uid', false, answer({ uid: undefined }), 'expected response.uid="u", got ""'],
    [
      'another version',
      false,
      answer({}, { apiVersion: 'admission.k8s.io/v1beta1' }),
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1, Kind=AdmissionReview',
    ],
    [
      'no kind',
      false,
      answer({}, { kind: undefined, apiVersion: undefined }),
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=',
    ],
    ['a patch where none may be', false, answer({ patch: some }), 'validating webhook may not return response.patch'],
    [
      'a type of patch where none may be',
      false,
      answer({ patchType: 'JSONPatch' }),
      'validating webhook may not return response.patchType',
    ],
    [
      'a patch without type',
      true,
      answer({ patch: some }),
      'webhook returned response.patch but not response.patchType',
    ],
    [
      'a type without patch',
      true,
      answer({ patchType: 'JSONPatch' }),
      'webhook returned response.patchType but not response.patch',
    ],
    [
      'an empty type',
      true,
      answer({ patch: some, patchType: '' }),
      'webhook returned invalid response.patchType of ""',
    ],
  ]
  for (const [name, mutating, given, message] of table) {
    it(`are refused: ${name}`, () => {
      assert.throws(() => readVerdict('v1', 'u', mutating, given), { message })
    })
  }

  it('of the older version are looked at less closely', () => {
    const given = { response: { uid: 'x', allowed: true, patch: some } }
    const verdict = readVerdict('v1beta1', 'u', true, given)
    assert.deepEqual([verdict.allowed, verdict.patch, verdict.patchType], [true, '[]', 'JSONPatch'])
    assert.equal(readVerdict('v1beta1', 'u', false, given).patch, '')
  })

  it('that say nothing allow nothing', () => {
    assert.equal(readVerdict('v1', 'u', false, answer({})).allowed, false)
  })
})

describe('reviews', () => {
  it('come in the first version that both speak', () => {
    assert.equal(reviewVersion(['v2', 'v1beta1', 'v1']), 'v1beta1')
    assert.equal(reviewVersion(['v1', 'v1beta1']), 'v1')
    assert.equal(reviewVersion(['v2']), undefined)
  })

  it('say who asks, with uid and extra', () => {
    const user = { name: 'jane', uid: '7', groups: ['dev'], extra: { 'example.com/team': ['a', 'b'] } }
    const attributes = request({ user, object: { metadata: { name: 'p', namespace: 'ns' } } })
    const { kind, resource } = attributes
    const { request: sent } = createReview('v1', 'u', attributes, { kind, resource }, attributes) as {
      request: Record<string, unknown>
    }
    assert.deepEqual(sent.userInfo, {
      username: 'jane',
      uid: '7',
      groups: ['dev'],
      extra: { 'example.com/team': ['a', 'b'] },
    })
  })

  it('of subresources name them, and the versions asked for and registered', () => {
    const attributes = request({ type: Pods, subresource: 'status', operation: 'UPDATE' })
    const match = { kind: { ...attributes.kind, version: 'v2' }, resource: { ...attributes.resource, version: 'v2' } }
    const { request: sent } = createReview('v1', 'u', attributes, match, attributes) as {
      request: Record<string, unknown>
    }
    assert.deepEqual([sent.subResource, sent.requestSubResource], ['status', 'status'])
    assert.deepEqual([sent.kind, sent.requestKind], [match.kind, attributes.kind])
    assert.deepEqual([sent.resource, sent.requestResource], [match.resource, attributes.resource])
  })
})
