import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { Pod, PodSpec } from '../../generated/core.v1.ts'
import { created, testCreate, testUpdate, updateErrors } from '../../testing/validation-table.ts'
import { PodKind } from './pod.ts'

const valid = {
  metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
  spec: {
    serviceAccountName: 'default',
    containers: [
      {
        name: 'main',
        image: 'web:1',
        ports: [{ name: 'http', containerPort: 80 }],
        env: [{ name: 'A', value: '1' }],
        resources: { requests: { cpu: '100m' }, limits: { cpu: '1', memory: '1Gi' } },
        livenessProbe: { httpGet: { port: 80 } },
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [{ name: 'data', emptyDir: {} }],
  },
} as unknown as Pod

const container = (pod: Pod) => pod.spec.containers[0]!
const label = "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const badLabel = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character ${label}`

testCreate(PodKind, valid, [
  {
    name: 'no containers',
    change: pod => {
      pod.spec.containers = []
    },
    errors: ['spec.containers: Required value'],
  },
  {
    name: 'container without image',
    change: pod => {
      delete container(pod).image
    },
    errors: ['spec.containers[0].image: Required value'],
  },
  {
    name: 'image with spaces',
    change: pod => {
      container(pod).image = ' web'
    },
    errors: ['spec.containers[0].image: Invalid value: " web": must not have leading or trailing whitespace'],
  },
  {
    name: 'bad container name',
    change: pod => {
      container(pod).name = 'Main'
    },
    errors: [`spec.containers[0].name: Invalid value: "Main": ${badLabel}`],
  },
  {
    name: 'two containers of one name',
    change: pod => {
      pod.spec.containers.push({ name: 'main', image: 'x' })
    },
    errors: ['spec.containers[1].name: Duplicate value: "main"'],
  },
  {
    name: 'bad restart policy',
    change: pod => {
      pod.spec.restartPolicy = 'Sometimes'
    },
    errors: ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"'],
  },
  {
    name: 'bad DNS policy',
    change: pod => {
      pod.spec.dnsPolicy = 'X'
    },
    errors: [
      'spec.dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"',
    ],
  },
  {
    name: 'DNS policy None without servers',
    change: pod => {
      pod.spec.dnsPolicy = 'None'
    },
    errors: ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
  },
  {
    name: 'port out of range',
    change: pod => {
      container(pod).ports![0]!.containerPort = 70000
    },
    errors: ['spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
  },
  {
    name: 'host port on the host network that differs',
    change: pod => {
      pod.spec.hostNetwork = true
      container(pod).ports![0]!.hostPort = 81
    },
    errors: [
      'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
    ],
  },
  {
    name: 'the same host port twice',
    change: pod => {
      container(pod).ports = [
        { containerPort: 1, hostPort: 99 },
        { containerPort: 2, hostPort: 99 },
      ]
    },
    errors: ['spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//99"'],
  },
  {
    name: 'variable with =',
    change: pod => {
      container(pod).env![0]!.name = 'a=b'
    },
    errors: [
      `spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='`,
    ],
  },
  {
    name: 'value and source of a variable',
    change: pod => {
      container(pod).env![0]!.valueFrom = { fieldRef: { fieldPath: 'metadata.name' } }
    },
    errors: ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
  },
  {
    name: 'field that the environment cannot have',
    change: pod => {
      container(pod).env = [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }]
    },
    errors: [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"',
    ],
  },
  {
    name: 'label of the downward API',
    change: pod => {
      container(pod).env = [{ name: 'A', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }]
    },
    errors: [],
  },
  {
    name: 'mount of an unknown volume',
    change: pod => {
      container(pod).volumeMounts![0]!.name = 'other'
    },
    errors: ['spec.containers[0].volumeMounts[0].name: Not found: "other"'],
  },
  {
    name: 'subPath that leaves the volume',
    change: pod => {
      container(pod).volumeMounts![0]!.subPath = '../x'
    },
    errors: [`spec.containers[0].volumeMounts.subPath: Invalid value: "../x": must not contain '..'`],
  },
  {
    name: 'two sources in a volume',
    change: pod => {
      pod.spec.volumes![0]!.hostPath = { path: '/x' }
      delete container(pod).volumeMounts
    },
    errors: ['spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type'],
  },
  {
    name: 'image volume without an image',
    change: pod => {
      pod.spec.volumes!.push({ name: 'files', image: {} })
    },
    errors: ['spec.volumes[1].image.reference: Required value'],
  },
  {
    name: 'two volumes of one name',
    change: pod => {
      pod.spec.volumes!.push({ name: 'data', emptyDir: {} })
    },
    errors: ['spec.volumes[1].name: Duplicate value: "data"'],
  },
  {
    name: 'request above limit',
    change: pod => {
      container(pod).resources!.requests!.cpu = '2'
    },
    errors: ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  },
  {
    name: 'unknown resource',
    change: pod => {
      container(pod).resources = { limits: { pods: '1' } }
    },
    errors: [
      'spec.containers[0].resources.limits[pods]: Invalid value: "pods": must be a standard resource for containers',
      'spec.containers[0].resources.requests[pods]: Invalid value: "pods": must be a standard resource for containers',
    ],
  },
  {
    name: 'half an extended resource',
    change: pod => {
      container(pod).resources = { limits: { 'example.com/gpu': '500m' } }
    },
    errors: [
      'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
      'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
    ],
  },
  {
    name: 'probe without a handler',
    change: pod => {
      container(pod).livenessProbe = {}
    },
    errors: ['spec.containers[0].livenessProbe: Required value: must specify a handler type'],
  },
  {
    name: 'liveness that needs two successes',
    change: pod => {
      container(pod).livenessProbe!.successThreshold = 2
    },
    errors: ['spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1'],
  },
  {
    name: 'probe of an init container',
    change: pod => {
      pod.spec.initContainers = [{ name: 'init', image: 'x', readinessProbe: { tcpSocket: { port: 1 } } }]
    },
    errors: [
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
  },
  {
    name: 'privileged without escalation',
    change: pod => {
      container(pod).securityContext = { privileged: true, allowPrivilegeEscalation: false }
    },
    errors: [
      'spec.containers[0].securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
    ],
  },
  {
    name: 'sysctl with a bad name',
    change: pod => {
      pod.spec.securityContext = { sysctls: [{ name: 'foo-', value: 'bar' }] }
    },
    errors: [
      'spec.securityContext.sysctls[0].name: Invalid value: "foo-": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
    ],
  },
  {
    name: 'toleration without a key',
    change: pod => {
      pod.spec.tolerations = [{ operator: 'Equal', value: 'x' }]
    },
    errors: [
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  },
  {
    name: 'a toleration that compares',
    change: pod => {
      pod.spec.tolerations = [{ key: 'a', operator: 'Gt', value: '5' }]
    },
    errors: ['spec.tolerations[0].operator: Unsupported value: "Gt": supported values: "Equal", "Exists", "Lt", "Gt"'],
  },
  {
    name: 'affinity without terms',
    change: pod => {
      pod.spec.affinity = {
        nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
      }
    },
    errors: [
      'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term',
    ],
  },
  {
    name: 'spread with no skew',
    change: pod => {
      pod.spec.topologySpreadConstraints = [
        { maxSkew: 0, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} },
      ]
    },
    errors: ['spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero'],
  },
  {
    name: 'ephemeral containers at creation',
    change: pod => {
      pod.spec.ephemeralContainers = [{ name: 'debug', image: 'x' }]
    },
    errors: ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
  },
  {
    name: 'token without an account',
    change: pod => {
      delete pod.spec.serviceAccountName
      pod.spec.volumes!.push({
        name: 'token',
        projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
      })
    },
    errors: [
      'spec.volumes[1].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
    ],
  },
])

const fixed =
  'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n'

testUpdate(PodKind, valid, [
  {
    name: 'image',
    change: pod => {
      container(pod).image = 'web:2'
    },
    errors: [],
  },
  {
    name: 'a toleration more',
    change: pod => {
      pod.spec.tolerations = [{ operator: 'Exists' }]
    },
    errors: [],
  },
  {
    name: 'command',
    change: pod => {
      container(pod).command = ['sh']
    },
    errors: [
      `${fixed}@@ -42,7 +42,9 @@
   {
    "Name": "main",
    "Image": "web:1",
-   "Command": null,
+   "Command": [
+    "sh"
+   ],
    "Args": null,
    "WorkingDir": "",
    "Ports": [
`,
    ],
  },
  {
    name: 'a container more',
    change: pod => {
      pod.spec.containers.push({ name: 'second', image: 'x' })
    },
    errors: ['spec.containers: Forbidden: pod updates may not add or remove containers'],
  },
  {
    name: 'a gate more',
    change: pod => {
      pod.spec.schedulingGates = [{ name: 'example.com/wait' }]
    },
    errors: [
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'example.com/wait'",
    ],
  },
])

test('Pod update: where a gated pod had no affinity, it may get one to nodes and no other', () => {
  const gated = structuredClone(valid)
  gated.spec.schedulingGates = [{ name: 'example.com/wait' }]
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['foo'] }] }]
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } as const
  const to = (affinity: Pod['spec']['affinity']) => (pod: Pod) => {
    pod.spec.affinity = affinity
  }
  assert.deepEqual(updateErrors(PodKind, gated, to({ nodeAffinity })), [])
  assert.equal(updateErrors(PodKind, gated, to({ nodeAffinity, podAffinity: {} })).length, 1)
  const empty = structuredClone(gated)
  empty.spec.affinity = {}
  assert.deepEqual(updateErrors(PodKind, empty, to({ nodeAffinity })), [])
})

test('Pod update: a deadline only comes nearer', () => {
  const limited = structuredClone(valid)
  limited.spec.activeDeadlineSeconds = 100
  const change = (seconds: number) => (pod: Pod) => {
    pod.spec.activeDeadlineSeconds = seconds
  }
  assert.deepEqual(updateErrors(PodKind, limited, change(50)), [])
  assert.deepEqual(updateErrors(PodKind, limited, change(200)), [
    'spec.activeDeadlineSeconds: Invalid value: 200: must be less than or equal to previous value',
  ])
})

test('Pod: generation counts changes of the spec only', () => {
  const context = { now: '' }
  const old = created(PodKind, valid)
  assert.equal(old.metadata.generation, 1)
  const labelled = structuredClone(old)
  labelled.metadata.labels = { other: 'x' }
  PodKind.strategy.prepareForUpdate!(labelled, old, context)
  assert.equal(labelled.metadata.generation, 1)
  const changed = structuredClone(old)
  container(changed).image = 'web:2'
  PodKind.strategy.prepareForUpdate!(changed, old, context)
  assert.equal(changed.metadata.generation, 2)
})

test('Pod: defaults', () => {
  const pod = created(PodKind, valid)
  const { spec, status } = pod
  assert.equal(spec.restartPolicy, 'Always')
  assert.equal(spec.dnsPolicy, 'ClusterFirst')
  assert.equal(spec.schedulerName, 'default-scheduler')
  assert.equal(spec.terminationGracePeriodSeconds, 30)
  assert.deepEqual(spec.securityContext, {})
  assert.equal(spec.enableServiceLinks, true)
  assert.equal(spec.serviceAccount, 'default')
  const main = container(pod)
  assert.equal(main.imagePullPolicy, 'IfNotPresent')
  assert.deepEqual(main.resources!.requests, { cpu: '100m', memory: '1Gi' })
  assert.deepEqual(main.livenessProbe, {
    httpGet: { port: 80, path: '/', scheme: 'HTTP' },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  })
  assert.deepEqual(status, { phase: 'Pending', qosClass: 'Burstable' })
})

test('Pod: pull policies by tag', () => {
  for (const [image, policy] of [
    ['web', 'Always'],
    ['web:latest', 'Always'],
    ['web:1', 'IfNotPresent'],
    ['registry:5000/web', 'Always'],
    ['registry:5000/web:1', 'IfNotPresent'],
    ['web@sha256:0000000000000000000000000000000000000000000000000000000000000000', 'IfNotPresent'],
  ] as const) {
    const pod = structuredClone(valid)
    container(pod).image = image
    assert.equal(container(created(PodKind, pod)).imagePullPolicy, policy, image)
  }
})

test('Pod: quality of service', () => {
  const classOf = (resources: object): string | undefined => {
    const pod = structuredClone(valid)
    container(pod).resources = resources
    return created(PodKind, pod).status?.qosClass
  }
  assert.equal(classOf({}), 'BestEffort')
  assert.equal(classOf({ requests: { cpu: '1' } }), 'Burstable')
  assert.equal(classOf({ limits: { cpu: '1' } }), 'Burstable')
  assert.equal(classOf({ limits: { cpu: '1', memory: '1Gi' } }), 'Guaranteed')
  const same = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } }
  assert.equal(classOf(same), 'Guaranteed')
})

test('Pod: resize takes resources alone', () => {
  const { resize } = PodKind.strategy.subresources!
  const old = created(PodKind, valid)
  const changed = structuredClone(old)
  container(changed).resources!.requests = { cpu: '200m', memory: '1Gi' }
  container(changed).image = 'web:2'
  resize!.prepareForUpdate(changed, old, { now: '' })
  assert.equal(container(changed).image, 'web:1')
  assert.equal(container(changed).resources!.requests!.cpu, '200m')
  assert.equal(changed.metadata.generation, 2)
  assert.deepEqual(resize!.validateUpdate(changed, old), [])
  container(changed).resources = {}
  const texts = resize!.validateUpdate(changed, old).map(fieldErrorText)
  assert.deepEqual(texts, [
    'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'.replace(
      'Burstable',
      'Burstable',
    ),
    'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
    'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
  ])
})

const resizeErrors = (change: (pod: Pod) => void, start: Pod = valid): string[] => {
  const { resize } = PodKind.strategy.subresources!
  const old = created(PodKind, start)
  const changed = structuredClone(old)
  change(changed)
  resize!.prepareForUpdate(changed, old, { now: '' })
  return resize!.validateUpdate(changed, old).map(fieldErrorText)
}

test('Pod: resize knows the containers', () => {
  const second = { ...container(created(PodKind, valid)), name: 'other' }
  assert.deepEqual(
    resizeErrors(pod => void pod.spec.containers.push(second)),
    ['spec.containers: Forbidden: containers may not be added or removed on resize'],
  )
  assert.deepEqual(
    resizeErrors(pod => {
      container(pod).name = 'other'
    }),
    ['spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize'],
  )
})

test('Pod: resize of what the whole pod has', () => {
  const start = structuredClone(valid)
  start.spec.resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '2Gi' } }
  const change = (resources: PodSpec['resources']) => (pod: Pod) => {
    pod.spec.resources = resources!
  }
  assert.deepEqual(
    resizeErrors(change({ requests: { cpu: '1500m', memory: '1Gi' }, limits: { cpu: '2', memory: '2Gi' } }), start),
    [],
  )
  assert.deepEqual(resizeErrors(change({ requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2' } }), start), [
    'spec.resources.limits: Forbidden: pod-level resource limits cannot be removed',
  ])
})

testCreate(PodKind, valid, [
  {
    name: 'profiles in annotations that no field repeats',
    change: pod => {
      pod.metadata.annotations = {
        'container.apparmor.security.beta.kubernetes.io/nobody': 'mine',
        'seccomp.security.alpha.kubernetes.io/pod': 'strict',
      }
    },
    errors: [
      'metadata.annotations[container.apparmor.security.beta.kubernetes.io/nobody]: Invalid value: "nobody": container not found',
      'metadata.annotations[container.apparmor.security.beta.kubernetes.io/nobody]: Invalid value: "mine": invalid AppArmor profile name: "mine"',
      'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: Invalid value: "strict": must be a valid seccomp profile',
    ],
  },
  {
    name: 'annotation and field at odds',
    change: pod => {
      pod.metadata.annotations = { 'container.apparmor.security.beta.kubernetes.io/main': 'unconfined' }
      container(pod).securityContext = { appArmorProfile: { type: 'RuntimeDefault' } }
    },
    errors: [
      'spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match',
    ],
  },
  {
    name: 'a user of Windows that cannot be',
    change: pod => {
      container(pod).securityContext = { windowsOptions: { runAsUserName: 'a\\b\\c' } }
      pod.spec.securityContext = { windowsOptions: { runAsUserName: 'd|m\\' } }
    },
    errors: [
      'spec.containers[0].securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash',
      'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "d|m\\\\": runAsUserName\'s Domain doesn\'t match the NetBios nor the DNS format',
      'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "d|m\\\\": runAsUserName\'s User cannot be empty',
    ],
  },
  {
    name: 'a process of the host without its network',
    change: pod => {
      container(pod).securityContext = { windowsOptions: { hostProcess: true } }
    },
    errors: [
      'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    ],
  },
  {
    name: 'a signal without an operating system',
    change: pod => {
      container(pod).lifecycle = { stopSignal: 'SIGTERM' }
    },
    errors: [
      'spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`',
    ],
  },
  {
    name: 'a signal that Linux has',
    change: pod => {
      pod.spec.os = { name: 'linux' }
      container(pod).lifecycle = { stopSignal: 'SIGRTMAX-1' }
    },
    errors: [],
  },
  {
    name: 'a file of variables in no volume',
    change: pod => {
      const fileKeyRef = { volumeName: 'none', path: 'a', key: 'B' }
      container(pod).env = [{ name: 'A', valueFrom: { fileKeyRef } }]
    },
    errors: ['spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "none"'],
  },
  {
    name: 'a claim that is made for another volume',
    change: pod => {
      const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
      pod.spec.volumes = [
        { name: 'own', ephemeral: { volumeClaimTemplate: { spec } } },
        { name: 'data', persistentVolumeClaim: { claimName: `${pod.metadata.name}-own` } },
      ]
    },
    errors: [
      `spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "${valid.metadata.name}-own": must not reference a PVC that gets created for an ephemeral volume`,
    ],
  },
  {
    name: 'a key that is in the selector already',
    change: pod => {
      pod.metadata.labels = { app: 'x' }
      pod.spec.topologySpreadConstraints = [
        {
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app: 'x' } },
          matchLabelKeys: ['app'],
        },
      ]
    },
    errors: [
      'spec.topologySpreadConstraints[0][0]: Invalid value: "app": exists in both matchLabelKeys and labelSelector',
    ],
  },
])

test('Pod: ephemeral containers are added and then stay', () => {
  const { ephemeralcontainers } = PodKind.strategy.subresources!
  const old = created(PodKind, valid)
  const changed = structuredClone(old)
  changed.spec.ephemeralContainers = [{ name: 'debug', image: 'x' }]
  PodKind.strategy.default!(changed)
  ephemeralcontainers!.prepareForUpdate(changed, old, { now: '' })
  assert.deepEqual(ephemeralcontainers!.validateUpdate(changed, old), [])
  assert.deepEqual(ephemeralcontainers!.validateUpdate(old, changed).map(fieldErrorText), [
    'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
  ])
})

test('Pod: a finished container does not come back', () => {
  const never = structuredClone(valid)
  never.spec.restartPolicy = 'Never'
  const old = created(PodKind, never)
  const status = { name: 'main', ready: false, restartCount: 0, image: '', imageID: '' }
  old.status!.containerStatuses = [{ ...status, state: { terminated: { exitCode: 0 } } }]
  const changed = structuredClone(old)
  changed.status!.containerStatuses![0]!.state = { running: {} }
  PodKind.strategy.prepareForStatusUpdate!(changed, old, { now: '2026-01-01T00:00:00Z' })
  assert.deepEqual(PodKind.strategy.validateStatusUpdate!(changed, old).map(fieldErrorText), [
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state',
  ])
})

const statusErrors = (change: (pod: Pod) => void): string[] => {
  const old = created(PodKind, valid)
  old.spec.nodeName = 'node'
  const changed = structuredClone(old)
  change(changed)
  PodKind.strategy.prepareForStatusUpdate!(changed, old)
  return PodKind.strategy.validateStatusUpdate!(changed, old).map(fieldErrorText)
}

test('Pod: what a status may not say', () => {
  const errors = statusErrors(pod => {
    pod.metadata.annotations = { 'kubernetes.io/config.mirror': 'x' }
    Object.assign(pod.status!, {
      conditions: [{ type: '-', status: 'True', observedGeneration: -1 }],
      nominatedNodeName: 'other',
      observedGeneration: -1,
      extendedResourceClaimStatus: { requestMappings: [], resourceClaimName: '' },
      containerStatuses: [
        {
          name: 'main',
          allocatedResourcesStatus: [{ name: 'gpu', resources: [{ resourceID: 'a', health: 'Fine' }] }],
        },
      ],
    })
  })
  const texts = errors.filter(text => !text.includes('name part must consist'))
  assert.deepEqual(texts, [
    'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation',
    'status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer',
    'status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node',
    'status.observedGeneration: Invalid value: -1: must be a non-negative integer',
    'status.extendedResourceClaimStatus.requestMappings: Required value: at least one request mapping is required',
    'status.extendedResourceClaimStatus.resourceClaimName: Required value',
    'status.containerStatuses[0].allocatedResourcesStatus[0].name: Invalid value: "gpu": must match one of the container\'s resource requests',
    'status.containerStatuses[0].allocatedResourcesStatus[0].resources[0].health: Unsupported value: "Fine": supported values: "Healthy", "Unhealthy", "Unknown"',
  ])
})

test('Pod: time to go', () => {
  const period = PodKind.strategy.gracePeriod!
  const pod = created(PodKind, valid)
  assert.equal(period(pod, undefined), 0)
  pod.spec.nodeName = 'node'
  assert.equal(period(pod, undefined), 30)
  assert.equal(period(pod, 5), 5)
  assert.equal(period(pod, -1), 1)
  pod.status!.phase = 'Succeeded'
  assert.equal(period(pod, 5), 0)
})
