import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EndpointSlices, Services } from '@canopus/api'
import type { Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient, createInformerFactory } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { createProxy } from './proxy.ts'

test('a node port that another cluster on the machine has is told, once per service that comes', async () => {
  const clock = new SimulatedClock()
  const server = createFakeServer({ clock })
  const add = (name: string, clusterIP: string, nodePort: number): void => {
    server.add<Service>(Services, {
      metadata: { name, namespace: 'default' },
      spec: { type: 'NodePort', clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80, protocol: 'TCP', nodePort }] },
    })
    server.add<EndpointSlice>(EndpointSlices, {
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: '', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: ['10.244.0.9'], conditions: { ready: true } }],
    })
  }
  add('mine', '10.96.0.10', 30080)
  add('free', '10.96.0.11', 30081)
  const informers = createInformerFactory({
    client: createClient(server),
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
  })
  const stop = new AbortController()
  const applied: string[] = []
  const taken: string[] = []
  let looks = 0
  const proxy = createProxy({
    informers,
    clock,
    logger: silentLogger,
    nodeName: 'n1',
    clusterCidr: '10.244.0.0/16',
    table: 'canopus_test',
    foreignNodes: ['172.30.1.0/24'],
    portTaken: (service, port) => taken.push(`${service.metadata.name} ${port}`),
    effects: {
      async applyNft(commands) {
        applied.push(commands)
      },
      async forgetUdpFlows() {},
      async nodePortsElsewhere() {
        looks++
        return new Set(['tcp . 30080', 'tcp . 30082', 'udp . 30081'])
      },
    },
  })
  const running = proxy.run(stop.signal)
  informers.start(stop.signal)
  await clock.advance(0)
  assert.deepEqual([taken, looks], [['mine tcp . 30080'], 1])
  assert.match(applied[0]!, /fib daddr type local ip daddr != \{ 127\.0\.0\.0\/8, 172\.30\.1\.0\/24 \} meta l4proto/)
  server.add<Service>(Services, {
    metadata: { name: 'plain', namespace: 'default' },
    spec: { clusterIP: '10.96.0.12', clusterIPs: ['10.96.0.12'], ports: [{ port: 80, protocol: 'TCP' }] },
  })
  await clock.advance(100)
  assert.equal(looks, 1, 'nobody looks where no node port is new')
  add('late', '10.96.0.13', 30082)
  await clock.advance(100)
  assert.deepEqual(taken, ['mine tcp . 30080', 'late tcp . 30082'])
  stop.abort()
  await running
})
