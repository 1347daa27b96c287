import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValidatingAdmissionPolicies } from '@canopus/api'
import { createPolicyStatusController } from './policy-status.ts'
import { createWorld } from './testing/world.ts'

test('every generation of a policy is checked once, and the status says what was found', async () => {
  const world = createWorld()
  const checked: (number | undefined)[] = []
  const warning = { fieldRef: 'spec.validations[0].expression', warning: 'no such field' }
  await world.start(
    createPolicyStatusController(world.context, async ({ metadata, spec }) => {
      checked.push(metadata.generation)
      return spec.validations?.[0]?.expression === 'bad' ? [warning] : []
    }),
  )
  const policies = world.context.client.resource(ValidatingAdmissionPolicies)
  await policies.create({ metadata: { name: 'p' }, spec: { validations: [{ expression: 'bad' }] } })
  await world.settle()
  const read = () => world.server.get(ValidatingAdmissionPolicies, 'p')
  assert.deepEqual(read()?.status, { observedGeneration: 1, typeChecking: { expressionWarnings: [warning] } })
  world.server.change(ValidatingAdmissionPolicies, 'p', undefined, policy => {
    policy.spec.validations = [{ expression: 'good' }]
    policy.metadata.generation = 2
  })
  await world.settle()
  assert.equal(read()?.status?.observedGeneration, 2)
  assert.deepEqual(checked, [1, 2])
  world.stop()
})
