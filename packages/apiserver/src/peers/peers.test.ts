import assert from 'node:assert/strict'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { Jobs, Leases } from '@canopus/api'
import { silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createClusterPki, systemClock } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { type SecureServer, startSecureServer } from '../testing/secure-server.ts'
import { keepPeerAddress, parseAddress } from './peer-addresses.ts'

const OLD = 'apiserver-old'
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const JOBS = '/apis/batch/v1/namespaces/default/jobs'

describe('two API servers on one store, of which one does not serve batch', () => {
  const store = createMemoryStore({ clock: systemClock })
  const there = new AbortController()
  let old: SecureServer
  let young: SecureServer
  let kept: Promise<void>

  before(async () => {
    const pki = await createClusterPki({ clusterName: 'test', clock: systemClock })
    old = await startSecureServer({ store, pki, logger: silentLogger })
    const proxyClient = () => ({ cert: pki.frontProxyClient.certificate, key: pki.frontProxyClient.key })
    young = await startSecureServer({
      store,
      pki,
      logger: silentLogger,
      more: {
        serverId: 'apiserver-young',
        isServed: ({ group }) => group !== 'batch',
        peers: { authorities: pki.ca.certificate, proxyClient },
      },
    })
    const address = { host: '127.0.0.1', port: old.listener.port }
    kept = keepPeerAddress({ store, serverId: OLD, address, clock: systemClock, logger: silentLogger }, there.signal)
    const client = createClient(old.server.transport({ name: 'admin', groups: ['system:masters'] }))
    await client.resource(Leases).create({
      metadata: {
        name: OLD,
        namespace: 'kube-system',
        labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver' },
        annotations: { 'kubernetes.io/peer-advertise-address': `127.0.0.1:${address.port}` },
      },
      spec: { holderIdentity: `${OLD}_1` },
    })
    await client.resource(Jobs).create({
      metadata: { name: 'job', namespace: 'default' },
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'c' }] } } },
    })
  })

  after(async () => {
    there.abort()
    await kept
    await young.stop()
    await old.stop()
    await store.close()
  })

  function ask(path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
    const { admin, pki, url } = young
    return new Promise((resolve, reject) => {
      const options = { ca: pki.ca.certificate, cert: admin.certificate, key: admin.key, headers, agent: false }
      request(`${url}${path}`, options, incoming => {
        let text = ''
        incoming.on('data', chunk => (text += chunk))
        incoming.on('end', () => resolve({ status: incoming.statusCode!, text }))
      })
        .on('error', reject)
        .end()
    })
  }

  async function until(path: string, status: number): Promise<string> {
    for (const end = Date.now() + 60_000; ; ) {
      const answer = await ask(path)
      if (answer.status === status) return answer.text
      assert.ok(Date.now() < end, `${path}: ${answer.status} ${answer.text}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  const groupsFor = async (profile: string): Promise<(string | undefined)[]> => {
    const { text } = await ask('/apis', { accept: `${AGGREGATED}${profile}` })
    return (JSON.parse(text) as { items: { metadata: { name?: string } }[] }).items.map(({ metadata }) => metadata.name)
  }

  it('passes on what only the other one serves, as the user who asks', async () => {
    const list = JSON.parse(await until(JOBS, 200)) as { items: { metadata: { name: string } }[] }
    assert.deepEqual(
      list.items.map(({ metadata }) => metadata.name),
      ['job'],
    )
    const { status } = await ask(JOBS, { 'impersonate-user': 'nobody' })
    assert.equal(status, 403)
  })

  it('tells of the groups of both, or of its own to whoever asks for these', async () => {
    await until(JOBS, 200)
    assert.ok((await groupsFor('')).includes('batch'))
    assert.ok(!(await groupsFor(';profile=nopeer')).includes('batch'))
    const { text } = await ask('/metrics')
    assert.match(text, /^aggregator_discovery_nopeer_requests_total [1-9]/m)
    assert.match(text, /^aggregator_discovery_peer_aggregated_cache_misses_total [1-9]/m)
    assert.match(
      text,
      /^apiserver_rerouted_request_total{code="200",group="batch",resource="jobs",version="v1"} [1-9]/m,
    )
  })

  it('does not pass on what was passed on, nor what neither of them serves', async () => {
    await until(JOBS, 200)
    assert.equal((await ask(JOBS, { 'x-kubernetes-peer-proxied': 'true' })).status, 404)
    assert.equal((await ask('/apis/batch/v7/jobs')).status, 404)
  })

  it('says so where the other one is not there any more', async () => {
    await until(JOBS, 200)
    there.abort()
    await kept
    assert.match(await until(JOBS, 503), /Error getting ip and port info of the remote server while proxying/)
  })
})

describe('parseAddress', () => {
  for (const [text, expected] of [
    ['10.0.0.1:6443', { host: '10.0.0.1', port: 6443 }],
    ['[fd00::1]:443', { host: 'fd00::1', port: 443 }],
    ['host', undefined],
  ] as const) {
    it(text, () => assert.deepEqual(parseAddress(text), expected))
  }
})
