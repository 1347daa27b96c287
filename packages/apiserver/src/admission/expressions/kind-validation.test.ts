import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtInKinds } from '@canopus/api'
import { fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import { withExpressionValidation } from './kind-validation.ts'

function errorsOf(plural: string, object: object): string[] {
  const kind = withExpressionValidation(builtInKinds.find(({ type }) => type.plural === plural)!)
  const whole = { metadata: { name: 'a' }, ...object } as unknown as KubeObject
  kind.strategy.default?.(whole)
  return kind.strategy.validate!(whole).map(fieldErrorText)
}

const matchConstraints = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
}
const validating = (spec: object): string[] =>
  errorsOf('validatingadmissionpolicies', { spec: { matchConstraints, ...spec } })
const mutating = (spec: object): string[] =>
  errorsOf('mutatingadmissionpolicies', { spec: { matchConstraints, reinvocationPolicy: 'Never', ...spec } })
const undeclared = (name: string, text: string): string =>
  `compilation failed: ERROR: <input>:1:1: undeclared reference to '${name}' (in container '')\n | ${text}\n | ^`

const TEN = '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]'
const EXPENSIVE = ['x', 'y', 'z', 'a', 'b', 'c', 'd'].reduceRight(
  (inner, name) => `${TEN}.all(${name}, ${inner})`,
  "int('1'.find('[0-9]*')) < 100",
)

describe('expressions in what is written', () => {
  const table: readonly [string, string[], string[]][] = [
    [
      'a policy that compiles',
      validating({ validations: [{ expression: 'object.x == 1', messageExpression: "'no'" }] }),
      [],
    ],
    [
      'a name that is not known',
      validating({ validations: [{ expression: 'nothing' }] }),
      [`spec.validations[0].expression: Invalid value: "nothing": ${undeclared('nothing', 'nothing')}`],
    ],
    [
      'parameters where there are none',
      validating({ validations: [{ expression: 'params.x == 1' }] }),
      [`spec.validations[0].expression: Invalid value: "params.x == 1": ${undeclared('params', 'params.x == 1')}`],
    ],
    [
      'parameters',
      validating({ paramKind: { apiVersion: 'v1', kind: 'A' }, validations: [{ expression: 'params.x == 1' }] }),
      [],
    ],
    [
      'another type',
      validating({ validations: [{ expression: '1' }] }),
      ['spec.validations[0].expression: Invalid value: "1": must evaluate to bool but got int'],
    ],
    [
      'variables that are not there yet',
      validating({
        variables: [
          { name: 'a', expression: 'variables.b' },
          { name: 'b', expression: '1' },
        ],
        validations: [{ expression: 'variables.b == 1' }],
      }),
      [
        `spec.variables[0].expression: Invalid value: "variables.b": compilation failed: ERROR: <input>:1:10: undefined field 'b'\n | variables.b\n | .........^`,
      ],
    ],
    [
      'variables in conditions',
      validating({
        variables: [{ name: 'a', expression: '1' }],
        matchConditions: [{ name: 'c', expression: ' variables.a == 1 ' }],
        validations: [{ expression: 'variables.a == 1' }],
      }),
      [
        `spec.matchConditions[0].expression: Invalid value: "variables.a == 1": ${undeclared('variables', 'variables.a == 1')}`,
      ],
    ],
    [
      'conditions before variables',
      validating({
        variables: [{ name: 'a', expression: 'b' }],
        matchConditions: [{ name: 'c', expression: 'c' }],
        validations: [{ expression: 'true' }],
      }),
      [
        `spec.matchConditions[0].expression: Invalid value: "c": ${undeclared('c', 'c')}`,
        `spec.variables[0].expression: Invalid value: "b": ${undeclared('b', 'b')}`,
      ],
    ],
    [
      'variables where there are none',
      validating({ validations: [{ expression: 'variables.a == 1' }] }),
      [
        `spec.validations[0].expression: Invalid value: "variables.a == 1": ${undeclared('variables', 'variables.a == 1')}`,
      ],
    ],
    [
      'an authorizer in a message',
      validating({
        validations: [{ expression: 'true', messageExpression: "authorizer.path('/x').check('get').reason()" }],
      }),
      [
        `spec.validations[0].messageExpression: Invalid value: "authorizer.path('/x').check('get').reason()": ${undeclared('authorizer', "authorizer.path('/x').check('get').reason()")}`,
      ],
    ],
    [
      'an annotation that is no text',
      validating({ auditAnnotations: [{ key: 'k', valueExpression: '1' }] }),
      [
        'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int',
      ],
    ],
    [
      'a patch that is none',
      mutating({ mutations: [{ patchType: 'JSONPatch', jsonPatch: { expression: "['a']" } }] }),
      [
        `spec.mutations[0].jsonPatch.expression: Invalid value: "['a']": must evaluate to list(JSONPatch) but got list(string)`,
      ],
    ],
    [
      'a configuration',
      mutating({ mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{}' } }] }),
      [],
    ],
    [
      'a selector of a device class',
      errorsOf('deviceclasses', {
        spec: { selectors: [{ cel: { expression: 'device.driver' } }, { cel: { expression: 'true' } }] },
      }),
      [
        'spec.selectors[0].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
      ],
    ],
    [
      'selectors of a claim, and what they cost',
      errorsOf('resourceclaims', {
        metadata: { name: 'a', namespace: 'b' },
        spec: {
          devices: {
            requests: [
              { name: 'one', exactly: { deviceClassName: 'c', selectors: [{ cel: { expression: 'nothing' } }] } },
              {
                name: 'two',
                firstAvailable: [{ name: 'x', deviceClassName: 'c', selectors: [{ cel: { expression: EXPENSIVE } }] }],
              },
            ],
          },
        },
      }),
      [
        `spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "nothing": ${undeclared('nothing', 'nothing')}`,
        'spec.devices.requests[1].firstAvailable[0].selectors[0].cel.expression: Forbidden: too complex, exceeds cost limit',
      ],
    ],
    [
      'a selector of a template',
      errorsOf('resourceclaimtemplates', {
        metadata: { name: 'a', namespace: 'b' },
        spec: {
          spec: {
            devices: {
              requests: [{ name: 'r', exactly: { deviceClassName: 'c', selectors: [{ cel: { expression: '1' } }] } }],
            },
          },
        },
      }),
      [
        'spec.spec.devices.requests[0].exactly.selectors[0].cel.expression: Invalid value: "1": must evaluate to bool or the unknown type, not int',
      ],
    ],
    [
      'a condition of a webhook',
      errorsOf('validatingwebhookconfigurations', {
        webhooks: [
          {
            name: 'a.example.com',
            admissionReviewVersions: ['v1'],
            sideEffects: 'None',
            clientConfig: { url: 'https://a' },
            rules: [],
            matchConditions: [{ name: 'c', expression: 'variables.x' }],
          },
        ],
      }),
      [
        `webhooks[0].matchConditions[0].expression: Invalid value: "variables.x": ${undeclared('variables', 'variables.x')}`,
      ],
    ],
  ]
  for (const [name, errors, expected] of table) it(name, () => assert.deepEqual(errors, expected))
})
