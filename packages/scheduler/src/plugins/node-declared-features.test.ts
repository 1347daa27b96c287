import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '@canopus/api/core/v1'
import { aNode, aPod, scenario } from '../testing/builders.ts'

const restartAll = { name: 'c', restartPolicyRules: [{ action: 'RestartAllContainers' }] }
const nodes = [aNode('plain'), aNode('able', { declaredFeatures: ['Other', 'RestartAllContainersOnContainerExits'] })]
const nobody = "0/2 nodes are available: 2 node(s) didn't match Pod's required features."
const able = 'able'

const table: [string, Partial<PodSpec>, string | undefined][] = [
  ['nothing beyond what every node can', {}, undefined],
  ['a container that restarts them all', { containers: [restartAll] }, able],
  ['an init container that does', { containers: [{ name: 'm' }], initContainers: [restartAll] }, able],
  [
    'other rules of restarting',
    { containers: [{ name: 'c', restartPolicyRules: [{ action: 'Restart' }] }] },
    undefined,
  ],
  ['the network of the host with users of its own', { hostNetwork: true, hostUsers: false }, nobody],
  ['the network of the host', { hostNetwork: true }, undefined],
]
for (const [name, spec, expected] of table) {
  test(`a pod that needs ${name}`, () => {
    const chosen = scenario({ nodes }).choose(aPod('p', { spec }))
    if (expected === undefined) assert.ok(['plain', 'able'].includes(chosen), chosen)
    else assert.equal(chosen, expected)
  })
}
