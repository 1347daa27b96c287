import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerPort, Node, NodeSelectorTerm, PodSpec, Taint, Toleration } from '@canopus/api/core/v1'
import { buildPod } from '../testing/builders.ts'
import { admissionFailures, admitPod } from './admission.ts'

const node = {
  metadata: { name: 'n1', labels: { disk: 'ssd' } },
  spec: {},
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '3', 'example.com/lamp': '1' } },
} as unknown as Node
const asking = (cpu: string, more: Partial<PodSpec> = {}) =>
  buildPod({ containers: [{ name: 'main', resources: { requests: { cpu } } }], ...more })

const asksFor = (name: string, amount: string) =>
  buildPod({ containers: [{ name: 'main', resources: { requests: { [name]: amount } } }] })
const onPort = (port: Partial<ContainerPort>, more: Partial<PodSpec> = {}) =>
  buildPod({ containers: [{ name: 'main', ports: [{ containerPort: 80, ...port }] }], ...more })
const onNodes = (...nodeSelectorTerms: NodeSelectorTerm[]) =>
  buildPod({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  })
const NO_PORTS = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
const NO_AFFINITY = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"

const cases: [string, ReturnType<typeof buildPod>, ReturnType<typeof buildPod>[], string | undefined, string?][] = [
  ['room for it', asking('500m'), [asking('1500m')], undefined],
  [
    'no CPU left',
    asking('501m'),
    [asking('1500m')],
    'OutOfcpu',
    "Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000",
  ],
  [
    'a big init container',
    buildPod({ initContainers: [{ name: 'i', resources: { requests: { memory: '2Gi' } } }] }),
    [],
    'OutOfmemory',
  ],
  ['too many pods', buildPod(), [buildPod(), buildPod(), buildPod()], 'OutOfpods'],
  ['a pod that asks for nothing on a full node', buildPod(), [asking('2')], undefined],
  ['the label is there', asking('1', { nodeSelector: { disk: 'ssd' } }), [], undefined],
  ['the label is not', asking('1', { nodeSelector: { disk: 'tape' } }), [], 'NodeAffinity'],
  [
    'a safe sysctl',
    buildPod({ securityContext: { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] } }),
    [],
    undefined,
  ],
  [
    'another',
    buildPod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
    [],
    'SysctlForbidden',
    'forbidden sysctl: "kernel.msgmax" not allowlisted',
  ],
  [
    'a safe sysctl, written with slashes',
    buildPod({ securityContext: { sysctls: [{ name: 'kernel/shm_rmid_forced', value: '1' }] } }),
    [],
    undefined,
  ],
  [
    'another with slashes is told of with dots',
    buildPod({ securityContext: { sysctls: [{ name: 'net/ipv4/conf/eth0.1/rp_filter', value: '1' }] } }),
    [],
    'SysctlForbidden',
    'forbidden sysctl: "net.ipv4.conf.eth0/1.rp_filter" not allowlisted',
  ],
  [
    "a sysctl of the host's own network",
    buildPod({
      hostNetwork: true,
      securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] },
    }),
    [],
    'SysctlForbidden',
    'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled',
  ],
  [
    'a label of another operating system',
    buildPod({}, { labels: { 'kubernetes.io/os': 'windows' } }),
    [],
    'PodOSSelectorNodeLabelDoesNotMatch',
    "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
  ],
  ['a label of this one', buildPod({}, { labels: { 'kubernetes.io/os': 'linux' } }), [], undefined],
  [
    'for another operating system',
    buildPod({ os: { name: 'windows' } }),
    [],
    'PodOSNotSupported',
    "Failed to admit pod as the OS field doesn't match node OS",
  ],
  [
    'groups that the runtime cannot keep to',
    buildPod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }),
    [],
    'SupplementalGroupsPolicyNotSupported',
    'SupplementalGroupsPolicy=Strict is not supported in this node',
  ],
  ['groups as the image has them', buildPod({ securityContext: { supplementalGroupsPolicy: 'Merge' } }), [], undefined],
  [
    'a name that the node has',
    onNodes({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }),
    [],
    undefined,
  ],
  [
    'a name that it has not',
    onNodes({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }),
    [],
    'NodeAffinity',
    NO_AFFINITY,
  ],
  [
    'one of two terms holds',
    onNodes(
      { matchExpressions: [{ key: 'disk', operator: 'In', values: ['tape'] }] },
      { matchExpressions: [{ key: 'disk', operator: 'Exists' }] },
    ),
    [],
    undefined,
  ],
  ['a term that asks for nothing', onNodes({}), [], 'NodeAffinity', NO_AFFINITY],
  ['a port that nobody has', onPort({ hostPort: 80 }), [onPort({ hostPort: 81 })], undefined],
  ['a port that somebody has', onPort({ hostPort: 80 }), [onPort({ hostPort: 80 })], 'NodePorts', NO_PORTS],
  ['the same container port', onPort({}), [onPort({})], undefined],
  ['another protocol', onPort({ hostPort: 80 }), [onPort({ hostPort: 80, protocol: 'UDP' })], undefined],
  [
    'another address',
    onPort({ hostPort: 80, hostIP: '127.0.0.1' }),
    [onPort({ hostPort: 80, hostIP: '127.0.0.2' })],
    undefined,
  ],
  [
    'any address, where somebody has one',
    onPort({ hostPort: 80 }),
    [onPort({ hostPort: 80, hostIP: '127.0.0.2' })],
    'NodePorts',
  ],
  [
    'a port of a sidecar',
    onPort({ hostPort: 80 }),
    [
      buildPod({
        initContainers: [{ name: 's', restartPolicy: 'Always', ports: [{ containerPort: 1, hostPort: 80 }] }],
      }),
    ],
    'NodePorts',
  ],
  [
    'a port of an init container, which ends',
    onPort({ hostPort: 80 }),
    [buildPod({ initContainers: [{ name: 'i', ports: [{ containerPort: 1, hostPort: 80 }] }] })],
    undefined,
  ],
  ['a device that is free', asksFor('example.com/lamp', '1'), [], undefined],
  [
    'a device that is taken',
    asksFor('example.com/lamp', '1'),
    [asksFor('example.com/lamp', '1')],
    'OutOfexample.com/lamp',
  ],
  ['a device that the node does not know', asksFor('example.com/other', '1'), [], undefined],
  ['large pages that it does not have', asksFor('hugepages-2Mi', '2Mi'), [], 'OutOfhugepages-2Mi'],
  ['what the pod as a whole asks for', asking('1', { resources: { requests: { cpu: '3' } } }), [], 'OutOfcpu'],
  ['what runs it', asking('1500m', { overhead: { cpu: '501m' } }), [], 'OutOfcpu'],
]
for (const [name, pod, others, reason, message] of cases)
  test(`admission: ${name}`, () => {
    const rejection = admitPod(pod, node, others)
    assert.equal(rejection?.reason, reason)
    if (message !== undefined) assert.equal(rejection?.message, message)
  })

const evicting: Taint = { key: 'broken', value: 'yes', effect: 'NoExecute' }
const taintCases: [name: string, taint: Taint, tolerations: Toleration[], admitted: boolean][] = [
  ['nothing may run', evicting, [], false],
  ['nothing new may come, but this one is here', { ...evicting, effect: 'NoSchedule' }, [], true],
  ['tolerated by its value', evicting, [{ key: 'broken', value: 'yes' }], true],
  ['another value', evicting, [{ key: 'broken', operator: 'Equal', value: 'no' }], false],
  ['tolerated whatever its value', evicting, [{ key: 'broken', operator: 'Exists', effect: 'NoExecute' }], true],
  ['another effect', evicting, [{ key: 'broken', operator: 'Exists', effect: 'NoSchedule' }], false],
  ['everything is tolerated', evicting, [{ operator: 'Exists' }], true],
]
for (const [name, taint, tolerations, admitted] of taintCases)
  test(`admission by taints: ${name}`, () => {
    const rejection = admitPod(buildPod({ tolerations }), { ...node, spec: { taints: [taint] } }, [])
    const message = 'Predicate TaintToleration failed: node(s) had untolerated taint(s)'
    assert.deepEqual(rejection, admitted ? undefined : { reason: 'TaintToleration', message, byNode: true })
  })

test('everything that is in the way is told, resources before ports', () => {
  const pod = onPort({ hostPort: 80 }, { nodeSelector: { disk: 'tape' }, resources: { requests: { cpu: '3' } } })
  const failures = admissionFailures(pod, node, [onPort({ hostPort: 80 })])
  assert.deepEqual(
    failures.map(({ reason }) => reason),
    ['OutOfcpu', 'NodeAffinity', 'NodePorts'],
  )
  assert.deepEqual(failures[0]?.missing, { resource: 'cpu', amount: 1000 })
})
