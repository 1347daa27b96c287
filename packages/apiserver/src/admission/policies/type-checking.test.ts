import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '@canopus/api/admissionregistration/v1'
import { type MemoryServer, startMemoryServer } from '../../testing/memory-server.ts'
import { createKindSchemas } from './kind-schemas.ts'
import { checkPolicyTypes } from './type-checking.ts'

let memory: MemoryServer
before(async () => {
  memory = await startMemoryServer()
})
after(() => memory.stop())

type Spec = ValidatingAdmissionPolicy['spec']

const deployments = { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['*'], resources: ['deployments'] }
const check = (spec: Partial<Spec>): Promise<ExpressionWarning[]> => {
  const policy = { metadata: { name: 'p' }, spec: { matchConstraints: { resourceRules: [deployments] }, ...spec } }
  const user = { name: 'tester', groups: ['system:masters'] }
  return checkPolicyTypes(policy as ValidatingAdmissionPolicy, createKindSchemas(memory.server.transport(user)))
}
const rules = (change: object) => ({ matchConstraints: { resourceRules: [{ ...deployments, ...change }] } })

const table: [string, Partial<Spec>, Record<string, RegExp>][] = [
  ['fields that there are', { validations: [{ expression: 'object.spec.replicas > 1' }] }, {}],
  [
    'a field that there is not',
    { validations: [{ expression: 'true' }, { expression: 'object.spec.replicaz > 1' }] },
    {
      'spec.validations[1].expression':
        /^apps\/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replicaz'\n \| object\.spec\.replicaz > 1\n \| \.{11}\^\n$/,
    },
  ],
  [
    'types that do not go together, in the message too',
    { validations: [{ expression: 'true', messageExpression: "object.spec.replicas + ''" }] },
    { 'spec.validations[0].messageExpression': /found no matching overload for '_\+_' applied to '\(int, string\)'/ },
  ],
  [
    'numbers that may be texts, texts by name, lists',
    {
      validations: [
        { expression: "string(object.spec.strategy.rollingUpdate.maxSurge) == '1'" },
        { expression: "object.metadata.labels['a'] == 'b'" },
        { expression: 'object.spec.template.spec.containers.all(c, c.image.startsWith("x"))' },
        { expression: 'object.metadata.creationTimestamp < timestamp("2026-01-01T00:00:00Z")' },
      ],
    },
    {},
  ],
  [
    'variables and their types',
    {
      variables: [{ name: 'count', expression: 'object.spec.replicas' }],
      validations: [{ expression: "variables.count == 'x'" }],
    },
    { 'spec.validations[0].expression': /no matching overload for '_==_' applied to '\(int, string\)'/ },
  ],
  [
    'each kind for itself',
    {
      ...rules({ resources: ['deployments', 'daemonsets'] }),
      validations: [{ expression: 'object.spec.replicas > 1' }],
    },
    { 'spec.validations[0].expression': /^apps\/v1, Kind=DaemonSet: ERROR: .*undefined field 'replicas'/ },
  ],
  [
    'parameters',
    {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      validations: [{ expression: "params.data['a'] == 'b'" }, { expression: 'params.dota.size() > 0' }],
    },
    { 'spec.validations[1].expression': /undefined field 'dota'/ },
  ],
  [
    'wildcards cannot be checked',
    { ...rules({ apiGroups: ['*'] }), validations: [{ expression: 'object.x > 1' }] },
    {},
  ],
  ['nor what is not served', { ...rules({ resources: ['other'] }), validations: [{ expression: 'object.x > 1' }] }, {}],
]
for (const [name, spec, expected] of table) {
  test(`types of policies: ${name}`, async () => {
    const warnings = await check(spec)
    assert.deepEqual(
      warnings.map(each => each.fieldRef),
      Object.keys(expected),
    )
    for (const { fieldRef, warning } of warnings) assert.match(warning, expected[fieldRef]!)
  })
}
