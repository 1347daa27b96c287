import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodSpec } from '@canopus/api/core/v1'
import { SimulatedClock } from '@canopus/base'
import { program } from '../review-webhook/testing/program.ts'
import type { AdmissionPlugin } from '../security.ts'
import { startMemoryServer } from '../testing/memory-server.ts'
import { imagePolicyWebhook } from './image-policy-webhook.ts'
import { admit, fakeContext, refuses, request } from './testing/request.ts'

const POLICY = { kubeConfigFile: '/k', allowTtl: 60_000, denyTtl: 0, retryBackoff: 1, defaultAllow: false }
const NO = 'pods "p" is forbidden: '

const podOf = (spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}) => ({
  metadata: { name: 'p', namespace: 'ns', annotations },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})

interface Status {
  allowed: boolean
  reason?: string
  auditAnnotations?: Record<string, string>
}

/** The plugin, whose program says `status`, or fails where there is none. */
function setUp(status: Status | undefined, more: Partial<typeof POLICY> = {}) {
  const clock = new SimulatedClock()
  const { asked, endpoint } = program(() => (status === undefined ? { status: 403, body: {} } : { body: { status } }))
  const configuration = { imagePolicy: { ...POLICY, ...more } }
  const plugin = imagePolicyWebhook(fakeContext({ clock, configuration, webhookEndpoint: () => endpoint }))
  return { clock, asked, plugin }
}

describe('ImagePolicyWebhook', () => {
  it('asks for all images of a pod, with what is said to the program', async () => {
    const { asked, plugin } = setUp({ allowed: true })
    const annotations = { 'x.image-policy.k8s.io/break-glass': 'yes', other: 'no' }
    const object = podOf({ initContainers: [{ name: 'd', image: 'j' }] }, annotations)
    await admit(plugin, request({ object }))
    assert.deepEqual(asked, [
      {
        kind: 'ImageReview',
        apiVersion: 'imagepolicy.k8s.io/v1alpha1',
        metadata: {},
        spec: {
          containers: [{ image: 'i' }, { image: 'j' }],
          annotations: { 'x.image-policy.k8s.io/break-glass': 'yes' },
          namespace: 'ns',
        },
        status: { allowed: false },
      },
    ])
  })

  it('asks for those of ephemeral containers where these are added', async () => {
    const { asked, plugin } = setUp({ allowed: true })
    const object = podOf({ ephemeralContainers: [{ name: 'e', image: 'debug' }] })
    await admit(
      plugin,
      request({ operation: 'UPDATE', subresource: 'ephemeralcontainers', object, oldObject: podOf() }),
    )
    assert.deepEqual(asked[0]?.spec, { containers: [{ image: 'debug' }], namespace: 'ns' })
  })

  const refusals: [Status, string][] = [
    [{ allowed: false }, 'one or more images rejected by webhook backend'],
    [{ allowed: false, reason: 'old' }, 'image policy webhook backend denied one or more images: old'],
  ]
  for (const [status, why] of refusals) {
    it(why, () => refuses(setUp(status).plugin, request({ object: podOf() }), NO + why))
  }

  it('notes for the audit what the program says', async () => {
    const notes: [string, string][] = []
    const { plugin } = setUp({ allowed: true, auditAnnotations: { a: 'b' } })
    const attributes = request({ object: podOf() })
    await admit(plugin, { ...attributes, annotate: (key, value) => void notes.push([key, value]) })
    assert.deepEqual(notes, [['imagepolicywebhook.image-policy.k8s.io/a', 'b']])
  })

  const remembered: [boolean, Partial<typeof POLICY>, number, number][] = [
    [true, {}, 59_000, 1],
    [true, {}, 61_000, 2],
    [true, { allowTtl: 0 }, 0, 2],
    [false, { denyTtl: 60_000 }, 59_000, 1],
    [false, {}, 0, 2],
  ]
  for (const [allowed, more, after, count] of remembered) {
    it(`remembers ${allowed} ${JSON.stringify(more)}: ${after} ms later it was asked ${count} times`, async () => {
      const { clock, asked, plugin } = setUp({ allowed }, more)
      const ask = () => admit(plugin, request({ object: podOf() })).catch(() => {})
      await ask()
      await clock.advance(after)
      await ask()
      assert.equal(asked.length, count)
    })
  }

  it('refuses where no answer comes, and asks again for the next pod', async () => {
    const { asked, plugin } = setUp(undefined)
    for (let i = 0; i < 2; i++) {
      await refuses(plugin, request({ object: podOf() }), `${NO}the webhook answered 403: {}`)
    }
    assert.equal(asked.length, 2)
  })

  it('lets pods in where no answer comes, and marks them, where it is told to', async () => {
    const { plugin } = setUp(undefined, { defaultAllow: true })
    const { send, stop } = await startMemoryServer({ admission: [plugin] })
    try {
      const spec = { containers: [{ name: 'c', image: 'i' }] }
      const made = await send('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec })
      assert.equal(made.status, 201)
      const { json } = await send('GET', '/api/v1/namespaces/default/pods/p')
      assert.deepEqual(json.metadata.annotations, { 'alpha.image-policy.k8s.io/failed-open': 'true' })
    } finally {
      await stop()
    }
  })

  it('has nothing to do where it is not configured', async () => {
    const plugin: AdmissionPlugin = imagePolicyWebhook(fakeContext())
    await admit(plugin, request({ object: podOf() }))
    assert.equal(plugin.validate, undefined)
  })
})
