/** What updates answer, told by upstream's own server for the same requests. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

type Body = Record<string, unknown>

const NS = '/api/v1/namespaces/default'
const APPS = '/apis/apps/v1/namespaces/default'
const containers = [{ name: 'c', image: 'i' }]
const template = { metadata: { labels: { a: 'b' } }, spec: { containers } }
const jobTemplate = { spec: { restartPolicy: 'Never', containers } }
const pod = { metadata: { name: 'p' }, spec: { containers } }

interface Row {
  readonly name: string
  readonly path: string
  readonly object: Body & { metadata: { name: string } }
  /** Besides what the object was made of. */
  readonly change: (object: Body) => Body
  /** How the answer begins: the message of a Status, or nothing where it is well. */
  readonly answer?: string
  readonly code?: number
}

const withSpec = (spec: Body) => (object: Body) => ({ ...object, spec: { ...(object.spec as Body), ...spec } })
const withMeta = (metadata: Body) => (object: Body) => ({
  ...object,
  metadata: { ...(object.metadata as Body), ...metadata },
})
const inContainer = (container: Body) => withSpec({ containers: [{ ...containers[0], ...container }] })
const POD_FIXED = 'Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than'

const rows: readonly Row[] = [
  {
    name: 'a resourceVersion that is no number',
    path: `${NS}/configmaps`,
    object: { metadata: { name: 'a' } },
    change: withMeta({ resourceVersion: 'x' }),
    answer: 'strconv.ParseUint: parsing "x": invalid syntax',
    code: 500,
  },
  {
    name: 'a resourceVersion beyond what fits',
    path: `${NS}/configmaps`,
    object: { metadata: { name: 'a' } },
    change: withMeta({ resourceVersion: '18446744073709551616' }),
    answer: 'strconv.ParseUint: parsing "18446744073709551616": value out of range',
    code: 500,
  },
  {
    name: 'another uid in a dry run, where the key has no prefix',
    path: `${NS}/configmaps`,
    object: { metadata: { name: 'a' } },
    change: withMeta({ uid: 'x' }),
    answer: 'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4, Key: /configmaps/',
    code: 409,
  },
  {
    name: 'a structure of a pod in which nothing is set',
    path: `${NS}/pods`,
    object: pod,
    change: inContainer({ securityContext: {} }),
    answer: POD_FIXED,
  },
  { name: 'a list of a pod without entries', path: `${NS}/pods`, object: pod, change: inContainer({ command: [] }) },
  {
    name: 'what changed of a pod shows lists that were given empty',
    path: `${NS}/pods`,
    object: pod,
    change: inContainer({ livenessProbe: { httpGet: { port: 80, httpHeaders: [] } } }),
    answer: POD_FIXED,
  },
  {
    name: 'no policies of an autoscaler',
    path: '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers',
    object: {
      metadata: { name: 'h' },
      spec: { maxReplicas: 2, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' } },
    },
    change: withSpec({ behavior: { scaleUp: { policies: [] } } }),
    answer:
      'HorizontalPodAutoscaler.autoscaling "h" is invalid: spec.behavior.scaleUp.policies: Required value: must specify at least one Policy',
  },
  {
    name: 'the address of a service alone',
    path: `${NS}/services`,
    object: { metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } },
    change: withSpec({ clusterIP: '10.96.0.77' }),
    answer: 'Service "s" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.0.77"]: may not change once set',
  },
  {
    name: 'the selector of a daemon set is told before what is wrong with it',
    path: `${APPS}/daemonsets`,
    object: { metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template } },
    change: withSpec({ selector: { matchLabels: { a: 'b' }, matchExpressions: [{ operator: 'x', key: 'a' }] } }),
    answer:
      'DaemonSet.apps "d" is invalid: [spec.selector: Invalid value: {"matchLabels":{"a":"b"},"matchExpressions":[{"key":"a","operator":"x"}]}: field is immutable, spec.selector.matchExpressions[0].operator',
  },
  {
    name: 'a policy of a job in which nothing is set',
    path: '/apis/batch/v1/namespaces/default/jobs',
    object: { metadata: { name: 'j' }, spec: { template: jobTemplate } },
    change: withSpec({ podFailurePolicy: {}, podReplacementPolicy: 'Failed' }),
    answer: 'Job.batch "j" is invalid: spec.podFailurePolicy: Invalid value: {"Rules":null}: field is immutable',
  },
]

describe('updates', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer({ serviceCidr: '10.96.0.0/24' })
  })
  after(() => server.stop())

  for (const { name, path, object, change, answer, code = 422 } of rows) {
    it(name, async () => {
      await server.send('POST', path, object)
      const url = `${path}/${object.metadata.name}`
      const { json: current } = await server.send('GET', url)
      const { status, json } = await server.send('PUT', `${url}?dryRun=All`, change(current as Body))
      if (answer === undefined) assert.equal(status, 200, json.message)
      else assert.deepEqual([status, json.message?.slice(0, answer.length)], [code, answer])
      await server.send('DELETE', `${url}?gracePeriodSeconds=0`)
    })
  }

  it('a claim of a claim keeps its source', async () => {
    const claim = {
      metadata: { name: 'c' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        dataSource: { kind: 'PersistentVolumeClaim', name: 'x' },
      },
    }
    const { json } = await server.send('POST', `${NS}/persistentvolumeclaims`, claim)
    const source = { apiGroup: null, kind: 'PersistentVolumeClaim', name: 'x' }
    const { dataSource, dataSourceRef } = (json as unknown as { spec: Body }).spec
    assert.deepEqual([dataSource, dataSourceRef], [source, source])
  })

  it('a patch takes the resource version from no kind that is only replaced as it is known', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
    await server.send('POST', path, { metadata: { name: 'l' }, spec: { holderIdentity: 'h' } })
    for (const resourceVersion of [null, '', '0']) {
      const headers = { 'content-type': 'application/merge-patch+json' }
      const { status, json } = await server.send('PATCH', `${path}/l`, { metadata: { resourceVersion } }, headers)
      assert.equal(status, 422)
      assert.match(json.message, /metadata.resourceVersion: Invalid value: 0: must be specified for an update$/)
    }
  })

  it('the generated name of a namespace is a label once it is in order', async () => {
    const { json: refused } = await server.send('POST', '/api/v1/namespaces', { metadata: { generateName: '-' } })
    const fields = (refused.details?.causes ?? []).map(({ field }: { field: string }) => field)
    assert.deepEqual(fields, ['metadata.generateName', 'metadata.name'])
    const { json } = await server.send('POST', '/api/v1/namespaces', { metadata: { generateName: 'n-' } })
    assert.deepEqual(json.metadata.labels, { 'kubernetes.io/metadata.name': json.metadata.name })
  })

  it('addresses of a status are looked at by themselves', async () => {
    const path = '/apis/networking.k8s.io/v1/namespaces/default/ingresses'
    const rule = { http: { paths: [] } }
    await server.send('POST', path, { metadata: { name: 'i' }, spec: { defaultBackend: { service: backend }, rule } })
    const status = { loadBalancer: { ingress: [{ ip: 'FD00::1' }] } }
    const { headers } = await server.send('PUT', `${path}/i/status`, { metadata: { name: 'i' }, status })
    const text =
      'status.loadBalancer.ingress[0]: IPv6 address \\"FD00::1\\" should be in RFC 5952 canonical format (\\"fd00::1\\")'
    assert.deepEqual(headers.warning, [`299 - "${text}"`])
  })
})

const backend = { name: 's', port: { number: 80 } }
