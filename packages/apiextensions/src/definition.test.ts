import assert from 'node:assert/strict'
import { it } from 'node:test'
import { CustomResourceDefinitionKind } from '@canopus/api'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import { fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import { withSchemaValidation } from './definition.ts'

const { strategy } = withSchemaValidation(CustomResourceDefinitionKind)
const ROOT = 'spec.validation.openAPIV3Schema'

function errorsOf(schema: object | undefined, more: object = {}): string[] {
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    ...(schema && { schema: { openAPIV3Schema: schema } }),
    ...more,
  }
  const definition = {
    metadata: { name: 'foos.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'foos', kind: 'Foo' }, versions: [version] },
    status: { storedVersions: ['v1'] },
  }
  strategy.default!(definition as unknown as KubeObject)
  return strategy.validate!(definition as unknown as CustomResourceDefinition).map(fieldErrorText)
}

const spec = (schema: object): object => ({ type: 'object', properties: { spec: schema } })
const AT = `${ROOT}.properties[spec]`

const schemas: readonly [string, object | undefined, string[]][] = [
  ['no schema', undefined, ['spec.versions[0].schema.openAPIV3Schema: Required value']],
  ['an empty schema', {}, [`${ROOT}.type: Required value: must not be empty at the root`]],
  ['another root', { type: 'string' }, [`${ROOT}.type: Invalid value: "string": must be object at the root`]],
  [
    'a field without type',
    spec({ properties: {} }),
    [`${AT}.type: Required value: must not be empty for specified object fields`],
  ],
  ['an open field', spec({ 'x-kubernetes-preserve-unknown-fields': true }), []],
  ['a list without items', spec({ type: 'array' }), [`${AT}.items: Required value: must be specified`]],
  [
    'items without type',
    spec({ type: 'array', items: {} }),
    [`${AT}.items.type: Required value: must not be empty for specified array items`],
  ],
  ['int or string', spec({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }), []],
  [
    'a type in a junctor',
    spec({ type: 'object', anyOf: [{ type: 'object' }] }),
    [`${AT}.anyOf[0].type: Forbidden: must be empty to be structural`],
  ],
  [
    'a field only in a junctor',
    { type: 'object', allOf: [{ properties: { a: { minimum: 1 } } }] },
    [`${ROOT}.properties[a]: Required value: because it is defined in ${ROOT}.allOf[0].properties[a]`],
  ],
  [
    'metadata',
    { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
    [
      `${ROOT}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
    ],
  ],
  [
    'the name',
    {
      type: 'object',
      properties: { metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 5 } } } },
    },
    [],
  ],
  [
    'both kinds of properties',
    spec({ type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'string' } }),
    [`${AT}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`],
  ],
  [
    'unique items',
    spec({ type: 'array', uniqueItems: true, items: { type: 'string' } }),
    [`${AT}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`],
  ],
  ['a reference', spec({ type: 'object', $ref: '#/a' }), [`${AT}.$ref: Forbidden: $ref is not supported`]],
  [
    'a bad default',
    spec({ type: 'integer', default: 'x' }),
    [`${AT}.default: Invalid value: "string":  in body must be of type integer: "string"`],
  ],
  [
    'a default to be pruned',
    spec({ type: 'object', default: { a: 1 } }),
    [`${AT}.default: Invalid value: {"a":1}: must not have unknown fields`],
  ],
  ['a good default', spec({ type: 'object', default: { a: 1 }, properties: { a: { type: 'integer' } } }), []],
  [
    'a map without keys',
    spec({ type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object' } }),
    [`${AT}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`],
  ],
  [
    'an optional key',
    spec({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
      items: { type: 'object', properties: { a: { type: 'string' } } },
    }),
    [
      `${AT}.items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ],
  ],
  ['rules, which are kept', spec({ type: 'object', 'x-kubernetes-validations': [{ rule: 'true' }] }), []],
]
for (const [name, schema, wanted] of schemas)
  it(`a definition with ${name}`, () => assert.deepEqual(errorsOf(schema), wanted))

const OPEN = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const parts: readonly [string, object, string[]][] = [
  [
    'scale',
    { subresources: { scale: { specReplicasPath: '.x', statusReplicasPath: '.status.a' } } },
    ['spec.subresources.scale.specReplicasPath: Invalid value: ".x": should be a json path under .spec'],
  ],
  [
    'columns',
    { additionalPrinterColumns: [{ name: 'A', type: 'text', jsonPath: '.a' }] },
    ['spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer,number,string'],
  ],
  [
    'selectable fields',
    { selectableFields: [{ jsonPath: '.spec.a' }] },
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.a": is an invalid path: does not refer to a valid field',
    ],
  ],
]
for (const [name, more, wanted] of parts) it(`bad ${name}`, () => assert.deepEqual(errorsOf(OPEN, more), wanted))
