import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildPod } from '../testing/builders.ts'
import { hasHostPorts, takenHostPorts } from './host-ports.ts'

const ports = [
  { containerPort: 80, hostPort: 8080 },
  { containerPort: 53, hostPort: 53, protocol: 'UDP' as const },
  { containerPort: 81 },
]
const pod = buildPod({ containers: [{ name: 'main', ports }] })
const used = (protocol: string, port: number, sandboxId = 'theirs') => ({ protocol, port, sandboxId })
const isOwn = (id: string): boolean => id === 'ours'

test('host ports that somebody else on the machine has', () => {
  assert.deepEqual(takenHostPorts(pod, [used('tcp', 8080), used('udp', 53)], isOwn), ['8080/TCP', '53/UDP'])
  assert.deepEqual(takenHostPorts(pod, [used('tcp', 8080, 'ours'), used('tcp', 53), used('tcp', 81)], isOwn), [])
})

test('pods on the host’s network have no host ports of their own', () => {
  assert.equal(hasHostPorts(pod), true)
  assert.equal(hasHostPorts(buildPod({ containers: pod.spec.containers, hostNetwork: true })), false)
  assert.equal(hasHostPorts(buildPod()), false)
})
