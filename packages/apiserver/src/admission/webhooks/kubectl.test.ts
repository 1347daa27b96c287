/** A real kubectl against a server whose webhooks sit behind a Service. Skipped by name where there is no kubectl. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { networkInterfaces } from 'node:os'
import { after, before, describe, it } from 'node:test'
import { type SecureServer, startSecureServer } from '../../testing/secure-server.ts'
import { patch, startWebhookServer, type WebhookServer } from '../../testing/webhook-server.ts'

/** Endpoints may not be on the loopback interface. */
const address = Object.values(networkInterfaces())
  .flat()
  .find(each => each !== undefined && each.family === 'IPv4' && !each.internal)?.address
const missing = spawnSync('kubectl', ['version', '--client']).error !== undefined
const skip = missing ? 'kubectl is not on the PATH' : address === undefined ? 'there is no network interface' : false

describe('kubectl and webhooks', { skip }, () => {
  let secure: SecureServer
  let hook: WebhookServer

  before(async () => {
    hook = await startWebhookServer({ address: address!, hosts: ['hook.hooks.svc'] })
    secure = await startSecureServer()
  })
  after(async () => {
    await secure.stop()
    await hook.stop()
  })

  function kubectl(args: string, input: unknown = ''): Promise<{ code: number; out: string; err: string }> {
    return new Promise(resolve => {
      const child = execFile(
        'kubectl',
        ['--kubeconfig', secure.kubeconfig, '--cache-dir', `${secure.kubeconfig}.cache`, ...args.split(' ')],
        { timeout: 60_000 },
        (error, out, err) => resolve({ code: error ? Number(error.code ?? 1) : 0, out, err }),
      )
      child.stdin?.end(typeof input === 'string' ? input : JSON.stringify(input))
    })
  }

  async function apply(...objects: object[]): Promise<void> {
    const { code, err } = await kubectl('create -f -', { apiVersion: 'v1', kind: 'List', items: objects })
    assert.equal(code, 0, err)
  }

  const metadata = (name: string): object => ({ name, namespace: 'hooks' })
  const webhook = (path: string, operations: string[], apiGroups: string[], resources: string[]): object => ({
    name: `${path.slice(1)}.example.com`,
    clientConfig: { service: { namespace: 'hooks', name: 'hook', port: 8443, path }, caBundle: hook.caBundle },
    rules: [{ operations, apiGroups, apiVersions: ['*'], resources }],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  })

  /** A webhook without Service: a name, a port, and somebody at an address. */
  const backend = (): object[] => [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'hooks' } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: metadata('hook'),
      spec: { ports: [{ port: 8443, targetPort: hook.port }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata('hook'), labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      ports: [{ name: '', port: hook.port }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ]

  it('asks a webhook behind a Service, and says what it said', async () => {
    hook.on('/label', () => patch({ op: 'add', path: '/metadata/labels', value: { by: 'webhook' } }))
    hook.on('/deny', ({ request }) =>
      request.object?.data?.bad === 'yes'
        ? { allowed: false, status: { code: 403, reason: 'Forbidden', message: 'bad data' } }
        : { allowed: true, warnings: ['checked'] },
    )
    await apply(
      ...backend(),
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'MutatingWebhookConfiguration',
        metadata: { name: 'label' },
        webhooks: [webhook('/label', ['CREATE'], [''], ['configmaps'])],
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'deny' },
        webhooks: [webhook('/deny', ['CREATE', 'UPDATE'], [''], ['configmaps'])],
      },
    )
    const created = await kubectl('-n hooks create configmap good --from-literal=a=b')
    assert.equal(created.out, 'configmap/good created\n')
    assert.match(created.err, /^Warning: checked\n$/)
    assert.equal((await kubectl('-n hooks get configmap good -o jsonpath={.metadata.labels.by}')).out, 'webhook')
    const refused = await kubectl('-n hooks create configmap poor --from-literal=bad=yes')
    assert.equal(refused.code, 1)
    assert.match(
      refused.err,
      /error: failed to create configmap: admission webhook "deny.example.com" denied the request: bad data\n/,
    )
    const patched = await kubectl('-n hooks patch configmap good -p {"data":{"bad":"yes"}}')
    assert.match(patched.err, /admission webhook "deny.example.com" denied the request: bad data/)
  })

  it('asks about attaching to a pod', async () => {
    hook.on('/attach', ({ request }) => ({
      allowed: false,
      status: { message: `${request.kind.kind} of ${request.namespace}/${request.name}` },
    }))
    await apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('default') },
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: metadata('p'),
        spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i', stdin: true, tty: true }] },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'attach' },
        webhooks: [webhook('/attach', ['CONNECT'], [''], ['pods/attach'])],
      },
    )
    const status = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }
    const { code, err } = await kubectl(`-n hooks patch pod p --subresource=status -p ${JSON.stringify(status)}`)
    assert.equal(code, 0, err)
    const attached = await kubectl('-n hooks attach p')
    assert.equal(attached.code, 1)
    assert.match(
      attached.err,
      /admission webhook "attach.example.com" denied the request: PodAttachOptions of hooks\/p/,
    )
  })

  it('converts custom resources through a webhook behind a Service', async () => {
    hook.on('/convert', ({ request }) => ({
      result: { status: 'Success' },
      convertedObjects: request.objects.map((each: { spec: object }) => ({
        ...each,
        apiVersion: request.desiredAPIVersion,
        spec: request.desiredAPIVersion.endsWith('v2') ? { length: 3 } : { size: 3 },
      })),
    }))
    const version = (name: string, storage: boolean, field: string): object => ({
      name,
      served: true,
      storage,
      schema: {
        openAPIV3Schema: {
          type: 'object',
          properties: { spec: { type: 'object', properties: { [field]: { type: 'integer' } } } },
        },
      },
      additionalPrinterColumns: [{ name: 'Length', type: 'integer', jsonPath: `.spec.${field}` }],
    })
    await apply({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'ropes.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'ropes', kind: 'Rope' },
        versions: [version('v1', true, 'size'), version('v2', false, 'length')],
        conversion: {
          strategy: 'Webhook',
          webhook: {
            clientConfig: {
              service: { namespace: 'hooks', name: 'hook', port: 8443, path: '/convert' },
              caBundle: hook.caBundle,
            },
            conversionReviewVersions: ['v1'],
          },
        },
      },
    })
    const waited = await kubectl('wait --for=condition=Established crd/ropes.example.com')
    assert.equal(waited.code, 0, waited.err)
    await apply({ apiVersion: 'example.com/v1', kind: 'Rope', metadata: metadata('r'), spec: { size: 3 } })
    assert.match((await kubectl('-n hooks get ropes.v2.example.com')).out, /^NAME +LENGTH\nr +3\n$/)
    assert.equal((await kubectl('-n hooks get ropes.v2.example.com r -o jsonpath={.spec}')).out, '{"length":3}')
    assert.equal((await kubectl('-n hooks get ropes.v1.example.com r -o jsonpath={.spec}')).out, '{"size":3}')
  })

  it('fails where nobody is behind the Service', async () => {
    await kubectl('-n hooks delete endpointslice hook')
    await kubectl('delete validatingwebhookconfiguration deny')
    await kubectl('delete mutatingwebhookconfiguration label')
    await apply({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'nobody' },
      webhooks: [
        {
          ...webhook('/deny', ['CREATE'], [''], ['configmaps']),
          clientConfig: { service: { namespace: 'hooks', name: 'other' }, caBundle: hook.caBundle },
        },
      ],
    })
    const { err } = await kubectl('-n hooks create configmap late')
    assert.match(
      err,
      /Internal error occurred: failed calling webhook "deny.example.com": failed to call webhook: Post "https:\/\/other.hooks.svc:443\/\?timeout=10s": service "other" not found/,
    )
  })
})
