/** Admission webhooks that run as pods behind a Service, on another node than the API server's. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createAuthority, issueCertificate, systemClock } from '../packages/platform/src/index.ts'
import { containerSkip, TestCluster } from './support/cluster.ts'
import { until } from './support/until.ts'

const answer = (response: object): string => JSON.stringify({ response })

/** nginx gives everybody the same answer, which only the older version of reviews allows: it carries no uid. */
const config = `events {}
http {
  server {
    listen 8443 ssl;
    ssl_certificate /etc/tls/tls.crt;
    ssl_certificate_key /etc/tls/tls.key;
    default_type application/json;
    location /deny { return 200 '${answer({ allowed: false, status: { message: 'nothing gets past here' } })}'; }
    location /allow { return 200 '${answer({ allowed: true, warnings: ['let through'] })}'; }
  }
}
`

describe('webhooks in pods', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('webhooks')
  const { kubectl } = cluster
  let caBundle = ''

  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const create = (...items: object[]): Promise<string> =>
    kubectl.run(['create', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) })
  const configuration = (name: string, path: string, resources: string[], operations: string[]): object => ({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: { service: { namespace: 'default', name: 'hook', path }, caBundle },
        rules: [{ operations, apiGroups: [''], apiVersions: ['v1'], resources }],
        namespaceSelector: { matchLabels: { watched: 'yes' } },
        sideEffects: 'None',
        admissionReviewVersions: ['v1beta1'],
      },
    ],
  })

  before(async () => {
    const clock = systemClock
    const authority = await createAuthority({ commonName: 'webhooks', clock })
    const hosts = ['hook.default.svc']
    const serving = await issueCertificate(authority, { commonName: 'hook', hosts, purposes: ['server auth'], clock })
    caBundle = base64(authority.certificate)
    await cluster.up('--nodes', '2')
    const other = await kubectl.run(['get', 'nodes', '-o', 'jsonpath={.items[1].metadata.name}'])
    await create(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/tls',
        metadata: { name: 'hook' },
        data: { 'tls.crt': base64(serving.certificate), 'tls.key': base64(serving.key) },
      },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'hook' }, data: { 'nginx.conf': config } },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'hook' },
        spec: { selector: { app: 'hook' }, ports: [{ port: 443, targetPort: 8443 }] },
      },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'hook', labels: { app: 'hook' } },
        spec: {
          nodeName: other,
          containers: [
            {
              name: 'nginx',
              image: 'nginx',
              command: ['nginx', '-c', '/etc/hook/nginx.conf', '-g', 'daemon off;'],
              readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
              volumeMounts: [
                { name: 'tls', mountPath: '/etc/tls' },
                { name: 'config', mountPath: '/etc/hook' },
              ],
            },
          ],
          volumes: [
            { name: 'tls', secret: { secretName: 'hook' } },
            { name: 'config', configMap: { name: 'hook' } },
          ],
        },
      },
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'watched', labels: { watched: 'yes' } } },
    )
    await kubectl.wait('pod/hook', 'condition=Ready')
    await kubectl.run([
      'wait',
      'endpointslice',
      '-l',
      'kubernetes.io/service-name=hook',
      '--for=jsonpath={.endpoints[0].conditions.ready}=true',
      '--timeout=170s',
    ])
    await create(
      configuration('deny', '/deny', ['configmaps'], ['CREATE']),
      configuration('allow', '/allow', ['secrets', 'pods/exec'], ['CREATE', 'CONNECT']),
    )
  })
  after(() => cluster.remove())

  it('refuse and remark, without a resolver that knows the cluster', async () => {
    const refused = await kubectl.try(['-n', 'watched', 'create', 'configmap', 'a'])
    assert.match(refused.stderr, /admission webhook "deny.example.com" denied the request: nothing gets past here/)
    const created = await kubectl.try(['-n', 'watched', 'create', 'secret', 'generic', 'a'])
    assert.equal(created.code, 0, created.stderr)
    assert.match(created.stderr, /Warning: let through/)
    await kubectl.run(['-n', 'default', 'create', 'configmap', 'elsewhere'])
  })

  it('fail closed once nobody is there', async () => {
    await kubectl.run(['delete', 'pod', 'hook', '--now'])
    const said =
      /failed calling webhook "deny.example.com": failed to call webhook: Post "https:\/\/hook.default.svc:443\/deny\?timeout=10s": no endpoints available for service "hook"/
    // Endpoints follow the pod; until they do the call itself fails.
    let refused = ''
    await until(
      () => refused,
      async () => {
        refused = (await kubectl.try(['-n', 'watched', 'create', 'configmap', 'a'])).stderr
        return said.test(refused)
      },
    )
  })
})
