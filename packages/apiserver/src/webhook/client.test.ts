import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Transport, TransportRequest } from '@canopus/client'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { startWebhookServer, type WebhookServer } from '../testing/webhook-server.ts'
import { createWebhookClient, WebhookCredentialsError } from './client.ts'

describe('calling webhooks as somebody', () => {
  let hook: WebhookServer
  const resolver = { resolve: () => ({ host: '127.0.0.1', port: hook.port }) }
  const review = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: { uid: '1' } }
  before(async () => {
    hook = await startWebhookServer()
    hook.on('/', () => ({ allowed: true }))
  })
  after(() => hook.stop())

  it('sends what there is for the host, and has connections of its own for each certificate', async () => {
    const clock = systemClock
    const authority = await createAuthority({ commonName: 'clients', clock })
    const issued = await issueCertificate(authority, {
      commonName: 'caller',
      hosts: [],
      purposes: ['client auth'],
      clock,
    })
    const client = createWebhookClient({ resolver, clock })
    const hosts: string[] = []
    const target = { service: { namespace: 'ns', name: 'hook' }, caBundle: hook.caBundle }
    const url = { url: `https://localhost:${hook.port}/`, caBundle: hook.caBundle }
    const as = { cert: issued.certificate, key: issued.key, headers: { authorization: 'Bearer t' } }
    await client.call(target, review, 10)
    await client.call(target, review, 10, host => {
      hosts.push(host)
      return as
    })
    await client.call(url, review, 10, host => {
      hosts.push(host)
      return undefined
    })
    assert.deepEqual(hosts, ['hook.ns.svc:443', `localhost:${hook.port}`])
    assert.deepEqual(
      hook.reviews.map(({ client, headers }) => [client, headers.authorization]),
      [
        [undefined, undefined],
        ['caller', 'Bearer t'],
        [undefined, undefined],
      ],
    )
    const refuses = () => {
      throw new Error('auth provider not supported')
    }
    await assert.rejects(client.call(target, review, 10, refuses), WebhookCredentialsError)
    client.close()
  })

  it('trusts the certificate itself where the bundle holds that, and no other', async () => {
    const client = createWebhookClient({ resolver, clock: systemClock })
    const target = { url: `https://localhost:${hook.port}/`, caBundle: hook.ownBundle }
    assert.deepEqual(
      await client.call(target, review, 10),
      await client.call({ ...target, caBundle: hook.caBundle }, review, 10),
    )
    const other = await createAuthority({ commonName: 'webhooks', clock: systemClock })
    const stranger = Buffer.from(other.certificate).toString('base64')
    await assert.rejects(client.call({ ...target, caBundle: stranger }, review, 10), /signed by unknown authority$/)
    client.close()
  })

  it('calls a path as Go would, and goes where it is sent', async () => {
    const client = createWebhookClient({ resolver, clock: systemClock })
    const { caBundle } = hook
    const asked = hook.reviews.length
    hook.on('/sent', () => ({ code: 307, text: '', headers: { location: '/a' } }))
    hook.on('/a', () => ({ allowed: true }))
    await client.call({ url: `https://localhost:${hook.port}//a/`, caBundle }, review, 10)
    await client.call({ service: { namespace: 'ns', name: 'hook', path: 'x/..//a/' }, caBundle }, review, 10)
    await client.call({ service: { namespace: 'ns', name: 'hook', path: '/sent' }, caBundle }, review, 10)
    const seen = hook.reviews.slice(asked).map(each => [each.path, each.review.kind])
    assert.deepEqual(seen, [
      ['/a', 'AdmissionReview'],
      ['/a', 'AdmissionReview'],
      ['/sent', 'AdmissionReview'],
      ['/a', 'AdmissionReview'],
    ])
    client.close()
  })

  it('asks itself where it is meant', async () => {
    const asked: TransportRequest[] = []
    const loopback: Transport = {
      send: async request => {
        asked.push(request)
        return { status: 200, headers: {}, bytes: async () => Buffer.from('{"a":1}'), chunks: async function* () {} }
      },
    }
    const client = createWebhookClient({ resolver, clock: systemClock, loopback })
    const service = { namespace: 'default', name: 'kubernetes', path: '/apis/hooks.example.com/v1/checks' }
    assert.deepEqual(await client.call({ service, caBundle: '' }, review, 5), { a: 1 })
    assert.deepEqual(
      asked.map(({ method, path }) => [method, path]),
      [['POST', '/apis/hooks.example.com/v1/checks?timeout=5s']],
    )
    client.close()
  })
})
