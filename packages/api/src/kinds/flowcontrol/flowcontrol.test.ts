import type { FlowSchema, PriorityLevelConfiguration } from '../../generated/flowcontrol.v1.ts'
import { testCreate } from '../../testing/validation-table.ts'
import { FlowSchemaKind } from './flowschema.ts'
import { PriorityLevelConfigurationKind } from './prioritylevelconfiguration.ts'

const schema = {
  metadata: { name: 'mine' },
  spec: {
    priorityLevelConfiguration: { name: 'mine' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'me' } }],
        resourceRules: [{ verbs: ['get'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }],
        nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['/a/*'] }],
      },
    ],
  },
} as unknown as FlowSchema

testCreate(FlowSchemaKind, schema, [
  {
    name: 'before everybody else',
    change: object => {
      object.spec.matchingPrecedence = 1
    },
    errors: ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
  },
  {
    name: 'stars beside others',
    change: object => {
      const rule = object.spec.rules![0]!
      rule.resourceRules = [
        { verbs: ['*', 'get'], apiGroups: ['*', 'a'], resources: ['*', 'b'], namespaces: ['*', 'c'] },
      ]
      rule.nonResourceRules = [{ verbs: ['fly'], nonResourceURLs: ['*', '/a'] }]
    },
    errors: [
      `spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`,
      `spec.rules[0].resourceRules[0].apiGroups: Invalid value: ["*","a"]: if '*' is present, must not specify other api groups`,
      `spec.rules[0].resourceRules[0].resources: Invalid value: ["*","b"]: if '*' is present, must not specify other resources`,
      `spec.rules[0].resourceRules[0].namespaces: Invalid value: ["*","c"]: if '*' is present, must not specify other namespaces`,
      'spec.rules[0].nonResourceRules[0].verbs: Unsupported value: ["fly"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
      `spec.rules[0].nonResourceRules[0].nonResourceURLs: Invalid value: ["*","/a"]: if '*' is present, must not specify other non-resource URLs`,
    ],
  },
  {
    name: 'paths that are none',
    change: object => {
      const urls = ['', 'a', '/a b', '/a//b', '/*/a']
      object.spec.rules![0]!.nonResourceRules = [{ verbs: ['get'], nonResourceURLs: urls }]
    },
    errors: [
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "": must not be empty',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: "a": must start with slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: "/a b": must not contain white-space',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[3]: Invalid value: "/a//b": must not contain double slash',
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[4]: Invalid value: "/*/a": wildcard can only do suffix matching',
    ],
  },
  {
    name: 'an account without a namespace, and a user',
    change: object => {
      const serviceAccount = { name: '*', namespace: '' }
      object.spec.rules![0]!.subjects = [{ kind: 'ServiceAccount', serviceAccount, user: { name: 'a' } }]
    },
    errors: [
      'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
      "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
    ],
  },
])

const level = {
  metadata: { name: 'mine' },
  spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } },
} as unknown as PriorityLevelConfiguration

testCreate(PriorityLevelConfigurationKind, level, [
  {
    name: 'limits of what is exempt: nobody looks into them',
    change: object => {
      object.metadata.name = 'exempt'
      object.spec = { type: 'Exempt', limited: { nominalConcurrencyShares: -1, borrowingLimitPercent: -1 } }
    },
    errors: ['spec.limited: Forbidden: must be nil if the type is not Limited'],
  },
  {
    name: 'exempt by another name',
    change: object => {
      object.spec = { type: 'Exempt' }
    },
    errors: ["spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"],
  },
  {
    name: 'more queues in a hand than chance can deal',
    change: object => {
      object.spec.limited!.limitResponse!.queuing = { queues: 512, handSize: 8, queueLengthLimit: 50 }
    },
    errors: [
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60',
    ],
  },
  {
    name: 'shares below nought',
    change: object => {
      object.spec.limited!.nominalConcurrencyShares = -1
      object.spec.limited!.borrowingLimitPercent = -1
    },
    errors: [
      'spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer',
      'spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer',
    ],
  },
])
