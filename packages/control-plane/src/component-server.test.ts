import assert from 'node:assert/strict'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { MetricsRegistry, silentLogger } from '@canopus/base'
import { createClient } from '@canopus/client'
import { type ClusterPki, createClusterPki, issueClientCertificate, systemClock } from '@canopus/platform'
import { type ComponentServer, startComponentServer } from './component-server.ts'

/** An API server that knows one token and lets those who are called `monitor` read `/metrics`. */
const client = createClient({
  async send({ body }) {
    const { kind, spec } = JSON.parse(Buffer.from(body!).toString())
    const status =
      kind === 'TokenReview'
        ? { authenticated: spec.token === 'good', user: { username: 'monitor', groups: ['system:authenticated'] } }
        : {
            allowed:
              spec.user === 'monitor' && /^\/(metrics|flagz|statusz|configz)/.test(spec.nonResourceAttributes.path),
          }
    const bytes = Buffer.from(JSON.stringify({ kind, spec, metadata: {}, status }))
    return {
      status: 201,
      headers: { 'content-type': 'application/json' },
      bytes: async () => bytes,
      async *chunks() {},
    }
  },
})

let server: ComponentServer
let ca: string
let pki: ClusterPki
const certificates: Record<string, { cert: string; key: string }> = {}
before(async () => {
  const clock = systemClock
  pki = await createClusterPki({ clusterName: 'x', addresses: ['127.0.0.1'], clock })
  ca = pki.ca.certificate
  for (const commonName of ['monitor', 'somebody']) {
    const { certificate, key } = await issueClientCertificate(pki.ca, { commonName, organizations: [], clock })
    certificates[commonName] = { cert: certificate, key }
  }
  const metrics = new MetricsRegistry()
  metrics.counter('workqueue_adds_total', 'Adds.', ['name']).with('deployment').add()
  server = await startComponentServer({
    component: 'kube-scheduler',
    flags: { v: '2' },
    address: '127.0.0.1',
    port: 0,
    certificate: pki.apiserver.certificate,
    key: pki.apiserver.key,
    clientCa: ca,
    alwaysAllowed: ['/healthz', '/readyz', '/livez'],
    client,
    clock,
    logger: silentLogger,
    metrics,
    resetsMetrics: true,
    configuration: { componentconfig: { parallelism: 16 } },
    readiness: [{ name: 'shutdown', scope: 'ready', check: () => {} }],
  })
})
after(() => server.close())

function ask(path: string, token?: string, as?: string, method = 'GET'): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const own = as === undefined ? {} : certificates[as]
    const target = { host: '127.0.0.1', port: server.port, method, path, ca, headers, agent: false, ...own }
    const asked = request(target, response => {
      let text = ''
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode!, text }))
    })
    asked.on('error', reject).end()
  })
}

describe("a component's own port", () => {
  const rows: readonly [string, string | undefined, string | undefined, number, RegExp][] = [
    ['/healthz', undefined, undefined, 200, /^ok$/],
    ['/readyz?verbose', undefined, undefined, 200, /^\[\+\]shutdown ok\nreadyz check passed\n$/],
    ['/metrics', undefined, undefined, 403, /User \\"system:anonymous\\" cannot get path \\"\/metrics\\"/],
    ['/metrics', 'bad', undefined, 401, /"reason":"Unauthorized","code":401/],
    ['/healthz', 'bad', undefined, 401, /"reason":"Unauthorized"/],
    ['/configz', 'good', undefined, 200, /^\{"componentconfig":\{"parallelism":16\}\}\n$/],
    ['/metrics', undefined, undefined, 403, /"reason":"Forbidden","details":\{\},"code":403/],
    ['/metrics', 'good', undefined, 200, /^workqueue_adds_total\{name="deployment"\} 1$/m],
    ['/metrics', undefined, 'monitor', 200, /^process_cpu_seconds_total /m],
    ['/metrics', undefined, 'somebody', 403, /User \\"somebody\\"/],
    ['/metrics/slis', 'good', undefined, 200, /kubernetes_healthcheck\{name="shutdown",type="readyz"\} 1/],
    ['/flagz', undefined, undefined, 403, /cannot get path \\"\/flagz\\"/],
    ['/flagz', 'good', undefined, 200, /^\nkube-scheduler flagz\nWarning: .*\nv=2\n$/],
    [
      '/statusz',
      'good',
      undefined,
      200,
      /^\nkube-scheduler statusz\n(.*\n)*Paths: \/configz \/flagz \/healthz \/livez \/metrics \/readyz\n$/,
    ],
    ['/metrics/other', 'good', undefined, 404, /404 page not found/],
  ]
  for (const [path, token, as, status, text] of rows) {
    it(`answers ${status} to ${path}${token ? ` with a ${token} token` : ''}${as ? ` as ${as}` : ''}`, async () => {
      const answer = await ask(path, token, as)
      assert.equal(answer.status, status, answer.text)
      assert.match(answer.text, text)
    })
  }

  it('resets what was counted on DELETE', async () => {
    for (const path of ['/metrics', '/metrics/slis']) {
      assert.deepEqual(await ask(path, 'good', undefined, 'DELETE'), { status: 200, text: 'metrics reset\n' })
    }
    assert.doesNotMatch((await ask('/metrics', 'good')).text, /workqueue_adds_total/)
  })
})

/** The common name of the certificate that is shown to `as` who asks for `servername`, and whether his own is accepted. */
function shownTo(servername: string, as: string): Promise<{ name: string; text: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: server.port,
      servername,
      ...certificates[as],
      rejectUnauthorized: false,
    })
    let name = ''
    let text = ''
    socket.on('secureConnect', () => {
      name = String(socket.getPeerCertificate().subject.CN)
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    })
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('close', () => resolve({ name, text }))
  })
}

it('shows another certificate to those who ask for its name, and new ones from the next connection on', async () => {
  const own = { certificate: pki.apiserver.certificate, key: pki.apiserver.key }
  const named = async (commonName: string) => ({
    ...(await issueClientCertificate(pki.ca, { commonName, organizations: [], clock: systemClock })),
    names: ['foo'],
  })
  const usual = await shownTo('bar', 'monitor')
  for (const commonName of ['one', 'two']) {
    server.setCertificates({ ...own, named: [await named(commonName)] })
    const { name, text } = await shownTo('foo', 'monitor')
    assert.equal(name, commonName)
    assert.match(text, /^HTTP\/1.1 200 /)
    assert.equal((await shownTo('bar', 'monitor')).name, usual.name)
  }
})
