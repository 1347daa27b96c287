import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ClusterPki, createClusterPki, systemClock } from '@canopus/platform'
import { type EchoKubelet, startEchoKubelet } from '../testing/kubelet.ts'
import { startMemoryServer } from '../testing/memory-server.ts'
import type { KubeletCredentials } from './node-address.ts'

const LOG = '/api/v1/namespaces/default/pods/p/log'
const INSECURE = '?insecureSkipTLSVerifyBackend=true'

let pki: ClusterPki
let kubelet: EchoKubelet
before(async () => {
  pki = await createClusterPki({ clusterName: 'test', addresses: ['127.0.0.1'], clock: systemClock })
  kubelet = await startEchoKubelet(pki.apiserver, pki.ca.certificate)
})
after(() => kubelet.stop())

/** What a server with these credentials answers. */
async function answer(path: string, credentials?: KubeletCredentials): Promise<{ status: number; text: string }> {
  const memory = await startMemoryServer(credentials === undefined ? {} : { kubelet: credentials })
  try {
    const kubeletEndpoint = { Port: kubelet.port }
    const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint } }
    await memory.send('POST', '/api/v1/nodes', { metadata: { name: 'n' } })
    await memory.send('PUT', '/api/v1/nodes/n/status', { metadata: { name: 'n' }, status })
    const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] }
    await memory.send('POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec })
    return await memory.send('GET', path)
  } finally {
    await memory.stop()
  }
}

describe('kubelets are called', () => {
  const own = (): KubeletCredentials => {
    const { certificate: cert, key } = pki.apiserverKubeletClient
    return { cert, key }
  }
  const untrusted = (path: string): RegExp =>
    new RegExp(`Get .*"https://127.0.0.1:\\d+${path}.*": tls: .*x509: certificate signed by unknown authority`)
  const rows: readonly [
    name: string,
    path: string,
    of: () => KubeletCredentials | undefined,
    status: number,
    is: RegExp | { certified: boolean },
  ][] = [
    ['without a certificate where there is none', LOG, () => undefined, 200, { certified: false }],
    ['with the certificate', LOG, own, 200, { certified: true }],
    ['with an authority', LOG, () => ({ ...own(), ca: pki.ca.certificate }), 200, { certified: true }],
    ['not with another authority', LOG, () => ({ ca: pki.frontProxyCa.certificate }), 500, untrusted('/containerLogs')],
    ['by those who skip that', LOG + INSECURE, () => ({ ca: pki.frontProxyCa.certificate }), 200, { certified: false }],
    [
      'not by proxies with another authority',
      '/api/v1/nodes/n/proxy/page',
      () => ({ ca: pki.frontProxyCa.certificate }),
      503,
      /error trying to reach service: tls: failed to verify certificate: x509: certificate signed by unknown authority"/,
    ],
  ]
  for (const [name, path, of, status, is] of rows) {
    it(name, async () => {
      const { text, status: code } = await answer(path, of())
      assert.equal(code, status, text)
      if (is instanceof RegExp) assert.match(text.replaceAll('\\"', '"'), is)
      else assert.equal(kubelet.requests.at(-1)!.certified, is.certified)
    })
  }
})
