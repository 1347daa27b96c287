import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '../../../generated/core.v1.ts'
import { podTemplateWarnings, podWarnings } from './warnings.ts'

const warningsOf = (spec: object, metadata: object = {}): string[] =>
  podTemplateWarnings('', { spec: { containers: [], ...spec } as unknown as PodSpec, metadata: metadata as never })

const rows: readonly [name: string, spec: object, metadata: object, warnings: readonly string[]][] = [
  ['a sound spec', { containers: [{ name: 'a' }] }, {}, []],
  [
    'old labels of nodes',
    {
      nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
      topologySpreadConstraints: [{ topologyKey: 'failure-domain.beta.kubernetes.io/zone' }],
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { preference: { matchExpressions: [{ key: 'node-role.kubernetes.io/master', values: ['-'] }] } },
          ],
        },
        podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'x' }] },
      },
    },
    {},
    [
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: node-role.kubernetes.io/master is use "node-role.kubernetes.io/control-plane" instead',
      "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].values[0]: - is invalid, a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
      'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
      'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod',
    ],
  ],
  [
    'amounts, variables and ports',
    {
      terminationGracePeriodSeconds: -1,
      overhead: { memory: '1m' },
      containers: [
        {
          name: 'a',
          env: [{ name: 'A' }, { name: 'A' }, { name: 'B', value: 'x' }, { name: 'B', value: '$(B)y' }],
          ports: [
            { name: 'web', containerPort: 80, protocol: 'TCP' },
            { containerPort: 80, protocol: 'TCP' },
            { containerPort: 80, hostPort: 8080, protocol: 'TCP' },
          ],
          resources: { limits: { memory: '1m' } },
        },
        { name: 'b', ports: [{ name: 'web', containerPort: 81, protocol: 'TCP', hostIP: '127.0.0.1' }] },
      ],
    },
    {},
    [
      'spec.overhead[memory]: fractional byte value "1m" is invalid, must be an integer',
      'spec.containers[0].resources.limits[memory]: fractional byte value "1m" is invalid, must be an integer',
      'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
      'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]',
      'spec.containers[1].ports[0]: hostIP set without hostPort: {Name:web HostPort:0 ContainerPort:81 Protocol:TCP HostIP:127.0.0.1}',
      'spec.containers[1].ports[0]: duplicate port name "web" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]',
      'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    ],
  ],
  [
    'volumes, secrets and addresses',
    {
      volumes: [
        { name: 'old', rbd: {} },
        { name: 'twice', configMap: { name: 'c', items: [{ path: 'a' }, { path: 'a/b' }] } },
        { name: 'none', projected: { sources: [{}] } },
      ],
      hostAliases: [{ ip: '::ffff:1.2.3.4' }, { ip: '::ffff:1.2.3.4' }],
      imagePullSecrets: [{ name: 'x' }, { name: 'x' }, {}],
      dnsConfig: { nameservers: ['2001:db8:0:0::1'] },
    },
    { annotations: { 'scheduler.alpha.kubernetes.io/critical-pod': '' } },
    [
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
      'spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+',
      'volume "twice" (ConfigMap "c"): overlapping paths: "a/b" with "a"',
      'volume "none" (Projected) has no sources provided',
      'spec.hostAliases[1].ip: duplicate ip "::ffff:1.2.3.4"',
      'spec.imagePullSecrets[1].name: duplicate name "x"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
      'spec.dnsConfig.nameservers[0]: IPv6 address "2001:db8:0:0::1" should be in RFC 5952 canonical format ("2001:db8::1")',
      'spec.hostAliases[0].ip: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"',
      'spec.hostAliases[1].ip: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"',
    ],
  ],
]

for (const [name, spec, metadata, warnings] of rows) {
  test(`warnings about pods: ${name}`, () => assert.deepEqual(warningsOf(spec, metadata), warnings))
}

test('a name that is no host name', () => {
  const pod = { metadata: { name: 'a.b' }, spec: { containers: [] } } as never
  const [warning] = podWarnings(pod, undefined)
  assert.match(
    warning!,
    /^metadata.name: this is used in the Pod's hostname, .*a DNS label is recommended: \[must not contain dots\]$/,
  )
  assert.deepEqual(podWarnings(pod, pod), [])
})
