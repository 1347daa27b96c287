import type {
  MutatingAdmissionPolicy,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../../generated/admissionregistration.v1.ts'
import { testCreate } from '../../testing/validation-table.ts'
import { MutatingAdmissionPolicyKind } from './mutatingadmissionpolicy.ts'
import { ValidatingAdmissionPolicyKind } from './validatingadmissionpolicy.ts'
import { ValidatingAdmissionPolicyBindingKind } from './validatingadmissionpolicybinding.ts'
import { ValidatingWebhookConfigurationKind } from './validatingwebhookconfiguration.ts'

const metadata = { name: 'a' }
const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }
const webhook = {
  name: 'check.example.com',
  clientConfig: { url: 'https://hook.example.com/check' },
  rules: [rule],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
}

testCreate(
  ValidatingWebhookConfigurationKind,
  { metadata, webhooks: [webhook] } as unknown as ValidatingWebhookConfiguration,
  [
    {
      name: 'short name',
      change: object => {
        object.webhooks![0]!.name = 'check'
      },
      errors: [
        'webhooks[0].name: Invalid value: "check": should be a domain with at least three segments separated by dots',
      ],
    },
    {
      name: 'nobody to ask',
      change: object => {
        object.webhooks![0]!.clientConfig = {}
      },
      errors: ['webhooks[0].clientConfig: Required value: exactly one of url or service is required'],
    },
    {
      name: 'plain HTTP',
      change: object => {
        object.webhooks![0]!.clientConfig = { url: 'http://a.b/c' }
      },
      errors: [
        `webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      ],
    },
    {
      name: 'a service without a name, at a path with a hole',
      change: object => {
        object.webhooks![0]!.clientConfig = { service: { name: '', namespace: 'ns', path: '/a//B', port: 0 } }
      },
      errors: [
        'webhooks[0].clientConfig.service.namespace: Required value',
        'webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
        'webhooks[0].clientConfig.service.path: Invalid value: "/a//B": segment[1] may not be empty',
        `webhooks[0].clientConfig.service.path: Invalid value: "/a//B": segment[2]: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      ],
    },
    {
      name: 'everything and more',
      change: object => {
        object.webhooks![0]!.rules![0]!.resources = ['*/*', '*', 'pods']
      },
      errors: [
        `webhooks[0].rules[0].resources: Invalid value: ["*/*","*","pods"]: if '*/*' is present, must not specify other resources`,
        `webhooks[0].rules[0].resources: Invalid value: ["*/*","*","pods"]: if '*' is present, must not specify other resources without subresources`,
      ],
    },
    {
      name: 'what wildcards say already',
      change: object => {
        object.webhooks![0]!.rules![0]!.resources = ['pods/*', 'pods/status', '*/scale', 'deployments/scale', '*']
      },
      errors: [
        `webhooks[0].rules[0].resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`,
        `webhooks[0].rules[0].resources[3]: Invalid value: "deployments/scale": if '*/scale' is present, must not specify deployments/scale`,
      ],
    },
    {
      name: 'side effects',
      change: object => {
        object.webhooks![0]!.sideEffects = 'Some'
      },
      errors: ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'],
    },
    {
      name: 'a minute to wait',
      change: object => {
        object.webhooks![0]!.timeoutSeconds = 60
      },
      errors: ['webhooks[0].timeoutSeconds: Invalid value: 60: the timeout value must be between 1 and 30 seconds'],
    },
    {
      name: 'a version that nobody speaks',
      change: object => {
        object.webhooks![0]!.admissionReviewVersions = ['v2']
      },
      errors: ['webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1'],
    },
  ],
)

const policy = {
  metadata,
  spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] },
} as unknown as ValidatingAdmissionPolicy

testCreate(ValidatingAdmissionPolicyKind, policy, [
  {
    name: 'no rules',
    change: object => {
      object.spec.validations = []
    },
    errors: [
      'spec.validations: Required value: validations or auditAnnotations must contain at least one item',
      'spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item',
    ],
  },
  {
    name: 'no constraints',
    change: object => {
      delete object.spec.matchConstraints
    },
    errors: ['spec.matchConstraints: Required value'],
  },
  {
    name: 'parameters, variables, messages and reasons that cannot be',
    change: object => {
      object.spec.paramKind = { apiVersion: 'a/v1/x', kind: 'Some Kind' }
      object.spec.variables = [{ name: 'while', expression: '1' }]
      object.spec.validations = [
        { expression: 'true', message: 'a\nb', messageExpression: ' ', reason: 'Unauthorized' },
      ]
    },
    errors: [
      'spec.paramKind.apiVersion: Invalid value: "a/v1/x": unexpected GroupVersion string: a/v1/x',
      `spec.paramKind.kind: Invalid value: "Some Kind": may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
      'spec.variables[0].name: Invalid value: "while": must be a valid CEL identifier',
      'spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified',
      'spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks',
      'spec.validations[0].reason: Unsupported value: "Unauthorized": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    ],
  },
  {
    name: 'the same annotation twice',
    change: object => {
      object.spec.auditAnnotations = [
        { key: 'k', valueExpression: "'a'" },
        { key: 'k', valueExpression: ' ' },
      ]
    },
    errors: [
      'spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified',
      'spec.auditAnnotations[1].key: Duplicate value: "k"',
    ],
  },
])

const mutation = { patchType: 'JSONPatch', jsonPatch: { expression: '[]' } }
const mutating = {
  metadata,
  spec: { matchConstraints: { resourceRules: [rule] }, mutations: [mutation], reinvocationPolicy: 'Never' },
}

testCreate(MutatingAdmissionPolicyKind, mutating as unknown as MutatingAdmissionPolicy, [
  {
    name: 'nothing said of being asked again',
    change: object => {
      delete (object.spec as { reinvocationPolicy?: string }).reinvocationPolicy
    },
    errors: ['spec.reinvocationPolicy: Required value'],
  },
  {
    name: 'deletions',
    change: object => {
      object.spec.matchConstraints!.resourceRules![0]!.operations = ['DELETE']
    },
    errors: [
      'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
    ],
  },
  {
    name: 'two patches at once',
    change: object => {
      object.spec.mutations![0]!.applyConfiguration = { expression: 'Object{}' }
    },
    errors: [
      'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
    ],
  },
])

const binding = { metadata, spec: { policyName: 'a', validationActions: ['Deny'] } }

testCreate(ValidatingAdmissionPolicyBindingKind, binding as unknown as ValidatingAdmissionPolicyBinding, [
  {
    name: 'no action',
    change: object => {
      object.spec.validationActions = []
    },
    errors: ['spec.validationActions: Required value: at least one validation action is required'],
  },
  {
    name: 'parameters by name and by label',
    change: object => {
      object.spec.paramRef = { name: 'a', selector: {}, parameterNotFoundAction: 'Ask' }
    },
    errors: [
      'spec.paramRef.name: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.selector: Forbidden: name and selector are mutually exclusive',
      'spec.paramRef.parameterNotFoundAction: Unsupported value: "Ask": supported values: "Deny", "Allow"',
    ],
  },
])
