import assert from 'node:assert/strict'
import { it } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import type { CustomResourceDefinition } from '../../generated/apiextensions.v1.ts'
import { testCreate } from '../../testing/validation-table.ts'
import { CustomResourceDefinitionKind } from './customresourcedefinition.ts'

type Conversion = NonNullable<CustomResourceDefinition['spec']['conversion']>

const schema = { openAPIV3Schema: { type: 'object' } }
const webhook = {
  clientConfig: { service: { namespace: 'ns', name: 'hook', path: '/convert' } },
  conversionReviewVersions: ['v1'],
}
const definition = {
  metadata: { name: 'ropes.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'ropes', singular: 'rope', kind: 'Rope', listKind: 'RopeList' },
    versions: [{ name: 'v1', served: true, storage: true, schema }],
    conversion: { strategy: 'Webhook', webhook },
  },
} as unknown as CustomResourceDefinition

const conversion = (change: object) => (object: CustomResourceDefinition) => {
  object.spec.conversion = { strategy: 'Webhook', webhook, ...change } as unknown as Conversion
}

testCreate(CustomResourceDefinitionKind, definition, [
  {
    name: 'a webhook that nobody names',
    change: conversion({ webhook: undefined }),
    errors: [
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
    ],
  },
  {
    name: 'a webhook over plain HTTP',
    change: conversion({ webhook: { ...webhook, clientConfig: { url: 'http://a.b/c' } } }),
    errors: [
      `spec.conversion.webhookClientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
    ],
  },
  {
    name: 'reviews that nobody speaks',
    change: conversion({ webhook: { ...webhook, conversionReviewVersions: ['v2', 'v2'] } }),
    errors: [
      'spec.conversion.conversionReviewVersions[1]: Invalid value: "v2": duplicate version',
      'spec.conversion.conversionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1',
    ],
  },
  {
    name: 'a webhook for nothing',
    change: conversion({ strategy: 'None' }),
    errors: [
      'spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook',
      'spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook',
    ],
  },
  {
    name: 'unknown fields and a webhook',
    change: object => {
      object.spec.preserveUnknownFields = true
    },
    errors: [
      'spec.conversion.strategy: Invalid value: "Webhook": must be None if spec.preserveUnknownFields is true',
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    ],
  },
])

type Change = (object: CustomResourceDefinition) => void

const both =
  (...changes: Change[]): Change =>
  object => {
    for (const each of changes) each(object)
  }
const odd = conversion({ webhook: { ...webhook, conversionReviewVersions: ['v2'] } })
const unlike = conversion({ webhook: { ...webhook, conversionReviewVersions: ['v3'] } })
const bare: Change = ({ spec }) => {
  spec.versions = [{ name: 'v1', served: true, storage: true }]
}
const preserving: Change = ({ spec }) => {
  spec.preserveUnknownFields = true
  spec.conversion = { strategy: 'None' }
}
const VERSIONS = 'spec.conversion.conversionReviewVersions'
const SCHEMA = 'spec.versions[0].schema.openAPIV3Schema'
const updates: readonly [string, Change, Change, string[]][] = [
  ['versions of reviews that nobody knows may be followed by others', odd, unlike, []],
  ['but may not come', () => {}, odd, [`${VERSIONS}: Invalid value: ["v2"]: must include at least one of v1, v1beta1`]],
  ['no schema may stay where nothing is pruned', both(bare, preserving), both(bare, preserving), []],
  [
    'but not where all would be',
    both(bare, preserving),
    bare,
    [`${SCHEMA}: Required value: because otherwise all fields are pruned`],
  ],
  ['and may not come', () => {}, bare, [`${SCHEMA}: Required value`]],
]
for (const [name, before, after, wanted] of updates) {
  it(`CustomResourceDefinition update: ${name}`, () => {
    const made = (change: Change): CustomResourceDefinition => {
      const object = structuredClone(definition)
      object.status = { storedVersions: ['v1'] } as CustomResourceDefinition['status']
      change(object)
      return object
    }
    const { strategy } = CustomResourceDefinitionKind
    assert.deepEqual(strategy.validateUpdate!(made(after), made(before)).map(fieldErrorText), wanted)
  })
}
