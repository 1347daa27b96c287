import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, PodSpec } from '@canopus/api/core/v1'
import { buildPod } from '../testing/builders.ts'
import { admitPod } from './admission.ts'

const node = {
  metadata: { name: 'n1', labels: { disk: 'ssd' } },
  spec: {},
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '3' } },
} as unknown as Node
const asking = (cpu: string, more: Partial<PodSpec> = {}) =>
  buildPod({ containers: [{ name: 'main', resources: { requests: { cpu } } }], ...more })

const cases: [string, ReturnType<typeof buildPod>, ReturnType<typeof buildPod>[], string | undefined, string?][] = [
  ['room for it', asking('500m'), [asking('1500m')], undefined],
  [
    'no CPU left',
    asking('501m'),
    [asking('1500m')],
    'OutOfcpu',
    "Pod was rejected: Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000",
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
  ],
]
for (const [name, pod, others, reason, message] of cases)
  test(`admission: ${name}`, () => {
    const rejection = admitPod(pod, node, others)
    assert.equal(rejection?.reason, reason)
    if (message !== undefined) assert.equal(rejection?.message, message)
  })
