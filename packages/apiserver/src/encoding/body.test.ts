import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const PODS = '/api/v1/namespaces/default/pods'
const SCALERS = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers'
const SCHEME = 'in scheme "pkg/api/legacyscheme/scheme.go:30"'

describe('bodies that are not what the endpoint takes', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  const cases: readonly [string, string, object, string][] = [
    [
      'another kind',
      PODS,
      { apiVersion: 'v1', kind: 'Service' },
      'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion',
    ],
    [
      'a kind of another group',
      PODS,
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      'Deployment in version "v1" cannot be handled as a Pod: converting (v1.Deployment) to (core.Pod): unknown conversion',
    ],
    [
      'another version of the kind',
      SCALERS,
      { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' },
      'the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)',
    ],
    [
      'a version that does not exist',
      PODS,
      { apiVersion: 'v9', kind: 'Pod' },
      `Pod in version "v9" cannot be handled as a Pod: no kind "Pod" is registered for version "v9" ${SCHEME}`,
    ],
    [
      'a kind that does not exist',
      PODS,
      { apiVersion: 'v1', kind: 'Rock' },
      `Rock in version "v1" cannot be handled as a Pod: no kind "Rock" is registered for version "v1" ${SCHEME}`,
    ],
    [
      'a version that is not served any more',
      SCALERS.replace('autoscaling/v2', 'policy/v1').replace('horizontalpodautoscalers', 'poddisruptionbudgets'),
      { apiVersion: 'policy/v1beta1', kind: 'PodDisruptionBudget' },
      'the API version in the data (policy/v1beta1) does not match the expected API version (policy/v1)',
    ],
    [
      'the group that the kind was in once',
      SCALERS.replace('autoscaling/v2', 'apps/v1').replace('horizontalpodautoscalers', 'deployments'),
      { apiVersion: 'extensions/v1beta1', kind: 'Deployment' },
      'the API version in the data (extensions/v1beta1) does not match the expected API version (apps/v1)',
    ],
    [
      'the other group of events',
      PODS.replace('pods', 'events'),
      { apiVersion: 'events.k8s.io/v1', kind: 'Event' },
      'the API version in the data (events.k8s.io/v1) does not match the expected API version (v1)',
    ],
    [
      'a kind of a version that is not served any more',
      PODS,
      { apiVersion: 'extensions/v1beta1', kind: 'Ingress' },
      'Ingress in version "v1beta1" cannot be handled as a Pod: converting (v1beta1.Ingress) to (core.Pod): unknown conversion',
    ],
  ]
  it('options of requests are of one kind alone', async () => {
    const { status, json } = await server.send('DELETE', `${PODS}/p`, { apiVersion: 'v1', kind: 'Pod' })
    assert.equal(status, 400)
    assert.match(json.message, /^no kind "Pod" is registered for version "v1" in scheme /)
  })

  for (const [name, path, body, message] of cases) {
    it(name, async () => {
      const { status, json } = await server.send('POST', path, body)
      assert.equal(json.message, message)
      assert.equal(status, 400)
      assert.equal(json.reason, 'BadRequest')
    })
  }
})
