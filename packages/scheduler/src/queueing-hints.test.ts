import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import { SimulatedClock } from '@canopus/base'
import type { ClusterChange } from './framework.ts'
import { podInfo } from './pod-info.ts'
import { defaultProfile } from './profile.ts'
import { SchedulingQueue } from './queue.ts'
import { aNode, aPod } from './testing/builders.ts'

const ssd = aNode('n', { labels: { disk: 'ssd' } })
const hdd = aNode('n', { labels: { disk: 'hdd' } })
const tainted = aNode('n', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } })
const small = aNode('n', { allocatable: { cpu: '1' } })
const wantsSsd = aPod('p', { spec: { nodeSelector: { disk: 'ssd' } } })
const term = { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } }
const nearWeb = aPod('p', {
  spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
})
const farFromWeb = aPod('p', {
  spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
})
const spread = aPod('p', {
  labels: { app: 'web' },
  spec: {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'web' } },
      },
    ],
  },
})
const web = podInfo(aPod('web', { labels: { app: 'web' }, requests: { cpu: '1' } }))
const smallerWeb = podInfo(aPod('web', { labels: { app: 'web' }, requests: { cpu: '500m' } }))
const db = podInfo(aPod('db', { labels: { app: 'db' } }))
const port = (name: string, hostPort: number): Pod =>
  aPod(name, { spec: { containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort }] }] } })
const twoCores = aPod('p', { requests: { cpu: '2' } })

const restartsAll = aPod('p', {
  spec: { containers: [{ name: 'c', restartPolicyRules: [{ action: 'RestartAllContainers' }] }] },
})
const declaring = aNode('n', { declaredFeatures: ['RestartAllContainersOnContainerExits'] })

const rows: readonly [rejectedBy: string, pod: Pod, change: ClusterChange, wakes: boolean][] = [
  ['NodeAffinity', wantsSsd, { event: 'NodeAdd', node: ssd }, true],
  ['NodeAffinity', wantsSsd, { event: 'NodeAdd', node: hdd }, false],
  ['NodeAffinity', wantsSsd, { event: 'NodeLabel', node: ssd, oldNode: hdd }, true],
  ['NodeAffinity', wantsSsd, { event: 'NodeLabel', node: ssd, oldNode: ssd }, false],
  ['NodeAffinity', wantsSsd, { event: 'AssignedPodDelete', pod: web }, false],
  ['TaintToleration', twoCores, { event: 'NodeAdd', node: tainted }, false],
  ['TaintToleration', twoCores, { event: 'NodeTaint', node: ssd, oldNode: tainted }, true],
  ['NodeDeclaredFeatures', restartsAll, { event: 'NodeFeatures', node: declaring, oldNode: ssd }, true],
  ['NodeDeclaredFeatures', restartsAll, { event: 'NodeFeatures', node: ssd, oldNode: hdd }, false],
  ['NodeResourcesFit', twoCores, { event: 'NodeAdd', node: ssd }, true],
  ['NodeResourcesFit', twoCores, { event: 'NodeAdd', node: small }, false],
  ['NodeResourcesFit', twoCores, { event: 'NodeAllocatable', node: ssd, oldNode: small }, true],
  ['NodeResourcesFit', twoCores, { event: 'NodeAllocatable', node: small, oldNode: ssd }, false],
  ['NodeResourcesFit', twoCores, { event: 'AssignedPodDelete', pod: db }, true],
  ['NodeResourcesFit', twoCores, { event: 'AssignedPodUpdate', pod: smallerWeb, oldPod: web }, true],
  ['NodeResourcesFit', twoCores, { event: 'AssignedPodUpdate', pod: web, oldPod: smallerWeb }, false],
  ['NodeResourcesFit', twoCores, { event: 'AssignedPodAdd', pod: web }, false],
  ['InterPodAffinity', nearWeb, { event: 'AssignedPodAdd', pod: web }, true],
  ['InterPodAffinity', nearWeb, { event: 'AssignedPodAdd', pod: db }, false],
  ['InterPodAffinity', farFromWeb, { event: 'AssignedPodDelete', pod: web }, true],
  ['InterPodAffinity', farFromWeb, { event: 'AssignedPodDelete', pod: db }, false],
  ['PodTopologySpread', spread, { event: 'AssignedPodAdd', pod: web }, true],
  ['PodTopologySpread', spread, { event: 'AssignedPodAdd', pod: db }, false],
  ['PodTopologySpread', spread, { event: 'NodeAdd', node: ssd }, false],
  ['PodTopologySpread', spread, { event: 'NodeAdd', node: aNode('z', { labels: { zone: '1' } }) }, true],
  ['NodePorts', port('p', 80), { event: 'AssignedPodDelete', pod: podInfo(port('q', 80)) }, true],
  ['NodePorts', port('p', 80), { event: 'AssignedPodDelete', pod: podInfo(port('q', 81)) }, false],
]

for (const [rejectedBy, pod, change, wakes] of rows) {
  const about = change.pod?.pod.metadata.name ?? JSON.stringify(change.node?.metadata.labels)
  test(`${rejectedBy}: ${change.event} of ${about} ${wakes ? 'wakes' : 'does not wake'} the pod`, async () => {
    const queue = new SchedulingQueue({ clock: new SimulatedClock(), profile: defaultProfile })
    queue.set(podInfo(pod))
    queue.unschedulable((await queue.pop())!, new Set([rejectedBy]))
    queue.move(change)
    assert.equal(queue.sizes().unschedulable, wakes ? 0 : 1)
    queue.close()
  })
}

test('what happens while a pod is being bound is not lost', async () => {
  const queue = new SchedulingQueue({ clock: new SimulatedClock(), profile: defaultProfile })
  queue.set(podInfo(twoCores))
  const entry = (await queue.pop())!
  queue.begin(entry)
  queue.move({ event: 'AssignedPodDelete', pod: web })
  queue.unschedulable(entry, new Set(['NodeResourcesFit']))
  assert.deepEqual([queue.sizes().unschedulable, queue.sizes().backoff], [0, 1])
  queue.close()
})
