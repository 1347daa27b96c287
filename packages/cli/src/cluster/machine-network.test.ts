import assert from 'node:assert/strict'
import { it } from 'node:test'
import { podInterfaces } from './machine-network.ts'

it('interfaces of pods that a cluster has left are found by their routes', () => {
  const routes = [
    { type: 'unreachable', dst: '10.244.0.0/16', flags: [] },
    { dst: '10.244.1.0/24', gateway: '172.30.0.3', dev: 'canopus0', flags: [] },
    { dst: '10.244.0.2', dev: 'veth73abc51f', scope: 'host', flags: [] },
  ]
  assert.deepEqual(podInterfaces(JSON.stringify(routes)), ['veth73abc51f'])
  assert.deepEqual(podInterfaces(''), [])
})
