/** Objects of the kinds whose life `lifecycle.test.ts` drives. */

export interface Life {
  apiVersion: string
  kind: string
  plural: string
  /** Objects of the kind have no namespace. */
  cluster?: true
  /** Everything but `metadata`. */
  body?: Readonly<Record<string, unknown>>
  /** What is written through `/status`, where the kind has it. */
  status?: Readonly<Record<string, unknown>>
  /** Verbs that the kind does not have. */
  without?: readonly string[]
}

const TEMPLATE = {
  metadata: { labels: { app: 'life' } },
  spec: { containers: [{ name: 'main', image: 'registry.example/main:1' }] },
}
const SELECTOR = { matchLabels: { app: 'life' } }
const RULES = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
const NEVER = { ...TEMPLATE, spec: { ...TEMPLATE.spec, restartPolicy: 'Never' } }
const CONDITION = { type: 'Life', status: 'True', reason: 'E2E', message: 'of a test' }
const TIMED = { ...CONDITION, lastTransitionTime: '2026-01-01T00:00:00Z' }
/** A request for a certificate of `CN=user,O=group`, as PEM, as base64. */
const REQUEST = [
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIYk1JR0JBZ0VBTUI4eERqQU1CZ05WQkFvTUJXZHliM1Z3TVEw',
  'd0N3WURWUVFEREFSMWMyVnlNRmt3RXdZSApLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFYUtERXUxM1NHaXhUVk80RUdGcmhY',
  'QUVFMy8vRGtTQnhPbE1rCmg5WWNmSHptUzJURHptaEE3VVBaOVRCZ3plcU1ZWjMrN01LS2lXNkJsVU5TTFF2WTA2QUFNQW9HQ0Nx',
  'R1NNNDkKQkFNQ0Ewa0FNRVlDSVFDZlZJT0NiTkcwNTd0S1E1VjVhMUJrc3BLaDhvT0dsTVhHVTJQVmcwTldBZ0loQUtnKwpaTmo2',
  'RTI2MUljT1FkWUtBZUVUQTFZOWNIeW9LY2JnT04xM0VrUVZaCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=',
].join('')

const core: readonly Life[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', body: { data: { key: 'value' } } },
  { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', body: { data: { key: 'dmFsdWU=' } } },
  { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' },
  { apiVersion: 'v1', kind: 'PodTemplate', plural: 'podtemplates', body: { template: TEMPLATE } },
  {
    apiVersion: 'v1',
    kind: 'Service',
    plural: 'services',
    body: { spec: { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: 'life' } } },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] }, conditions: [TIMED] },
  },
  {
    apiVersion: 'v1',
    kind: 'Endpoints',
    plural: 'endpoints',
    body: { subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ port: 80, protocol: 'TCP' }] }] },
  },
  {
    apiVersion: 'v1',
    kind: 'LimitRange',
    plural: 'limitranges',
    body: { spec: { limits: [{ type: 'Container', max: { cpu: '4' } }] } },
  },
  {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    plural: 'resourcequotas',
    body: { spec: { hard: { 'count/widgets.example.com': '5' } } },
    status: { hard: { 'count/widgets.example.com': '7' } },
  },
  {
    apiVersion: 'v1',
    kind: 'Event',
    plural: 'events',
    body: { involvedObject: { namespace: 'lives', kind: 'Pod', name: 'x' }, reason: 'Life', message: 'of a test' },
  },
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    plural: 'namespaces',
    cluster: true,
    status: { conditions: [TIMED] },
    without: ['deletecollection'],
  },
  { apiVersion: 'v1', kind: 'Node', plural: 'nodes', cluster: true, status: { capacity: { pods: '7' } } },
]

const apps: readonly Life[] = [
  {
    kind: 'Deployment',
    plural: 'deployments',
    status: { conditions: [{ ...TIMED, lastUpdateTime: '2026-01-01T00:00:00Z' }] },
  },
  { kind: 'ReplicaSet', plural: 'replicasets', status: { conditions: [TIMED] } },
  { kind: 'DaemonSet', plural: 'daemonsets', status: { conditions: [TIMED] } },
  { kind: 'StatefulSet', plural: 'statefulsets', status: { conditions: [TIMED] } },
].map(each => ({
  ...each,
  apiVersion: 'apps/v1',
  body: {
    spec: {
      selector: SELECTOR,
      template: TEMPLATE,
      ...(each.kind === 'DaemonSet' ? {} : { replicas: 0 }),
      ...(each.kind === 'StatefulSet' ? { serviceName: 'life' } : {}),
    },
  },
}))

const workloads: readonly Life[] = [
  {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    plural: 'cronjobs',
    body: { spec: { schedule: '0 0 31 2 *', suspend: true, jobTemplate: { spec: { template: NEVER } } } },
    status: { lastScheduleTime: '2026-01-01T00:00:00Z' },
  },
  {
    apiVersion: 'batch/v1',
    kind: 'Job',
    plural: 'jobs',
    body: { spec: { suspend: true, template: NEVER } },
    status: { terminating: 0 },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    body: { spec: { minAvailable: 1, selector: { matchLabels: { app: 'nobody' } } } },
    status: { conditions: [TIMED] },
  },
]

const network: readonly Life[] = [
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    plural: 'ingresses',
    body: { spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } } },
    status: { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } },
  },
  {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    plural: 'ingressclasses',
    cluster: true,
    body: { spec: { controller: 'example.com/controller' } },
  },
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    body: { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [] },
  },
]

const machinery: readonly Life[] = [
  {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'FlowSchema',
    plural: 'flowschemas',
    cluster: true,
    body: { spec: { matchingPrecedence: 10_000, priorityLevelConfiguration: { name: 'global-default' } } },
    status: { conditions: [TIMED] },
  },
  {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
    kind: 'PriorityLevelConfiguration',
    plural: 'prioritylevelconfigurations',
    cluster: true,
    body: { spec: { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } } },
    status: { conditions: [TIMED] },
  },
  {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    plural: 'events',
    body: {
      regarding: { namespace: 'lives', kind: 'Pod', name: 'x' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'example.com/life',
      reportingInstance: 'one',
      action: 'Live',
      reason: 'Life',
      type: 'Normal',
    },
  },
  {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    plural: 'leases',
    body: { spec: { holderIdentity: 'one', leaseDurationSeconds: 30, leaseTransitions: 0 } },
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    cluster: true,
    body: { value: 7 },
  },
  {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    plural: 'runtimeclasses',
    cluster: true,
    body: { handler: 'life' },
  },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', plural: 'roles', body: { rules: RULES } },
  {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    plural: 'certificatesigningrequests',
    cluster: true,
    body: { spec: { request: REQUEST, signerName: 'example.com/life', usages: ['client auth'] } },
    status: {},
  },
  {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'DeviceClass',
    plural: 'deviceclasses',
    cluster: true,
    body: { spec: {} },
  },
]

const admission: readonly Life[] = ['Mutating', 'Validating'].map(word => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: `${word}WebhookConfiguration`,
  plural: `${word.toLowerCase()}webhookconfigurations`,
  cluster: true,
  body: {
    webhooks: [
      {
        name: 'life.example.com',
        clientConfig: { url: 'https://life.example.com/' },
        rules: [{ apiGroups: ['life.example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['none'] }],
        matchConditions: [{ name: 'never', expression: 'false' }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  },
}))

const NOWHERE = {
  resourceRules: [
    { apiGroups: ['life.example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['none'] },
  ],
}
const POLICIES = 'admissionregistration.k8s.io/v1'
const policies: readonly Life[] = [
  {
    apiVersion: POLICIES,
    kind: 'ValidatingAdmissionPolicy',
    plural: 'validatingadmissionpolicies',
    cluster: true,
    body: { spec: { matchConstraints: NOWHERE, validations: [{ expression: 'object.spec.replicas <= 100' }] } },
    status: { conditions: [TIMED] },
  },
  {
    apiVersion: POLICIES,
    kind: 'ValidatingAdmissionPolicyBinding',
    plural: 'validatingadmissionpolicybindings',
    cluster: true,
    body: { spec: { policyName: 'replicalimit.example.com', validationActions: ['Deny'] } },
  },
  {
    apiVersion: POLICIES,
    kind: 'MutatingAdmissionPolicy',
    plural: 'mutatingadmissionpolicies',
    cluster: true,
    body: {
      spec: {
        matchConstraints: NOWHERE,
        reinvocationPolicy: 'Never',
        mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/spec'}]" } }],
      },
    },
  },
  {
    apiVersion: POLICIES,
    kind: 'MutatingAdmissionPolicyBinding',
    plural: 'mutatingadmissionpolicybindings',
    cluster: true,
    body: { spec: { policyName: 'life.example.com' } },
  },
]

const storage: readonly Life[] = [
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    plural: 'storageclasses',
    cluster: true,
    body: { provisioner: 'example.com/none' },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIDriver',
    plural: 'csidrivers',
    cluster: true,
    body: { spec: { attachRequired: false } },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    plural: 'csinodes',
    cluster: true,
    body: { spec: { drivers: [] } },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSIStorageCapacity',
    plural: 'csistoragecapacities',
    body: { storageClassName: 'life', capacity: '1Gi' },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    plural: 'volumeattachments',
    cluster: true,
    body: { spec: { attacher: 'life.example.com', nodeName: 'x', source: { persistentVolumeName: 'x' } } },
    status: { attached: true },
  },
  {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttributesClass',
    plural: 'volumeattributesclasses',
    cluster: true,
    body: { driverName: 'example.com/life', parameters: { a: 'b' } },
  },
]

export const LIVES: readonly Life[] = [
  ...core,
  ...apps,
  ...workloads,
  ...network,
  ...machinery,
  ...admission,
  ...policies,
  ...storage,
]
