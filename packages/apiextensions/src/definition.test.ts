import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CustomResourceDefinitionKind } from '@canopus/api'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import { fieldErrorText, type KubeObject, noteEmpty } from '@canopus/apimachinery'
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
    'properties, and all others besides',
    spec({ type: 'object', properties: { a: { type: 'string' } }, additionalProperties: true }),
    [],
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
  [
    'unknown metadata of an embedded object in a default',
    spec({
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
      default: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', unknown: 'b' } },
    }),
    [],
  ],
  [
    'metadata of a wrong type in a default',
    spec({
      type: 'array',
      default: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 1 } }],
      items: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    }),
    [
      `${AT}.default[0].metadata: Invalid value: {"name":1}: ` +
        'json: cannot unmarshal number into Go struct field ObjectMeta.name of type string',
    ],
  ],
  [
    'an embedded object without kind in a default',
    spec({
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
      default: { apiVersion: 'v1' },
    }),
    [`${AT}.default.kind: Required value`],
  ],
  [
    'defaults of metadata',
    spec({
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { metadata: { type: 'object', default: { name: 'a', unknown: 'b' } } },
    }),
    [],
  ],
  [
    'wrong defaults of metadata',
    spec({
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: {
        kind: { type: 'string', default: '%' },
        metadata: { type: 'object', properties: { name: { type: 'integer', default: 1 } } },
      },
    }),
    [
      `${AT}.properties[kind].default: Invalid value: "%": must result in valid metadata: kind: Invalid value: "%": ` +
        'may have mixed case, but should otherwise match: a DNS-1035 label must consist of lower case alphanumeric ' +
        "characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name', " +
        " or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      `${AT}.properties[metadata].properties[name].default: Invalid value: 1: must result in valid metadata: ` +
        'metadata: Invalid value: {"name":1}: json: cannot unmarshal number into Go struct field ObjectMeta.name of type string',
    ],
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

const list = (items: object, more: object): object => spec({ type: 'array', items, ...more })
const KEYED = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['a'] }
const rules: readonly [string, object, string[]][] = [
  [
    'keys that are no properties',
    list({ type: 'object' }, KEYED),
    [`${AT}.x-kubernetes-list-map-keys: Invalid value: ["a"]: entries must all be names of item properties`],
  ],
  [
    'a set of objects that are merged',
    list({ type: 'object' }, { 'x-kubernetes-list-type': 'set' }),
    [
      `${AT}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`,
    ],
  ],
  [
    'a default of the whole metadata',
    { type: 'object', properties: { metadata: { type: 'object', default: {} } } },
    [`${ROOT}.properties[metadata].default: Forbidden: must not be set in top-level metadata`],
  ],
  [
    'rules beside what is broken',
    {
      type: 'object',
      properties: {
        broken: {
          type: 'array',
          uniqueItems: true,
          items: { type: 'string' },
          'x-kubernetes-validations': [{ rule: '1' }],
        },
        sound: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self ==' }] },
      },
    },
    [
      `${ROOT}.properties[broken].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
      `${ROOT}.properties[sound].x-kubernetes-validations[0].rule: Invalid value`,
    ],
  ],
]
for (const [name, schema, wanted] of rules) {
  it(`a definition with ${name}`, () => {
    const found = errorsOf(schema)
    assert.equal(found.length, wanted.length, found.join('\n'))
    for (const [index, each] of found.entries()) assert.ok(each.startsWith(wanted[index]!), each)
  })
}

const STATUS = { subresources: { status: {} } }
it('a definition with a status may say only so much of whole objects', () => {
  const schema = { type: 'object', not: { required: ['spec'] } }
  assert.deepEqual(errorsOf(schema), [])
  const [found, ...more] = errorsOf(schema, STATUS)
  assert.deepEqual(more, [])
  assert.match(found!, /: only \[Description Type .* XValidations\] fields are allowed at the root of the schema if /)
  assert.deepEqual(errorsOf({ type: 'object', description: 'd', required: ['spec'] }, STATUS), [])
})

it('a definition with lists and maps that are there but empty', () => {
  const given = (field: string, value: [] | object): object => {
    const schema = { type: 'object' }
    noteEmpty(schema, field, value as never)
    return schema
  }
  for (const field of ['definitions', 'patternProperties']) assert.deepEqual(errorsOf(given(field, {})), [])
  const unsupported = `${ROOT}.dependencies: Forbidden: dependencies is not supported`
  assert.deepEqual(errorsOf(given('dependencies', {})), [unsupported])
  const [first, second] = errorsOf(given('dependencies', {}), STATUS)
  assert.match(first!, /are allowed at the root of the schema/)
  assert.equal(second, unsupported)
  for (const field of ['allOf', 'enum', 'definitions'])
    assert.equal(errorsOf(given(field, []), STATUS).length, 1, field)
  assert.deepEqual(errorsOf(given('required', []), STATUS), [])
})

interface Changed {
  readonly versions: Readonly<Record<string, object>>
  readonly more?: object
  readonly annotations?: Record<string, string>
  readonly group?: string
}

function updateErrors(now: Changed, old: Changed): string[] {
  const definition = ({ versions, more, annotations, group = 'example.com' }: Changed): CustomResourceDefinition => {
    const made = {
      metadata: { name: `foos.${group}`, resourceVersion: '1', ...(annotations && { annotations }) },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'foos', kind: 'Foo' },
        versions: Object.entries(versions).map(([name, schema], index) => ({
          name,
          served: true,
          storage: index === 0,
          schema: { openAPIV3Schema: schema },
          ...more,
        })),
      },
      status: { storedVersions: ['v1'] },
    }
    strategy.default!(made as unknown as KubeObject)
    return made as unknown as CustomResourceDefinition
  }
  return strategy.validateUpdate!(definition(now), definition(old)).map(fieldErrorText)
}

const dear = (text: string): object =>
  list(
    { type: 'string', maxLength: 2_000_000, 'x-kubernetes-validations': [{ rule: `self.contains(${text})` }] },
    { maxItems: 100 },
  )
const plain = spec({ type: 'string' })
const updates: readonly [string, Changed, Changed, RegExp[]][] = [
  [
    'rules may stay as dear as they were, while another version changes',
    { versions: { v1: dear("'a'"), v2: plain } },
    { versions: { v1: dear("'a'"), v2: spec({ type: 'integer' }) } },
    [],
  ],
  [
    'but not in a version that changes too',
    { versions: { v1: dear("'b'"), v2: plain } },
    { versions: { v1: dear("'a'"), v2: plain } },
    [/^spec\.versions\[0\].*\.rule: Forbidden: estimated rule cost exceeds budget/],
  ],
  [
    'nor under another name',
    { versions: { v1: plain, v3: dear("'a'") } },
    { versions: { v1: plain, v2: dear("'a'") } },
    [/^spec\.versions\[1\].*\.rule: Forbidden: estimated rule cost exceeds budget/],
  ],
  [
    'types that nobody knows may stay',
    { versions: { v1: spec({ type: 'odd', title: 'new' }) } },
    { versions: { v1: spec({ type: 'odd' }) } },
    [],
  ],
  [
    'but may not come',
    { versions: { v1: spec({ type: 'odd' }) } },
    { versions: { v1: plain } },
    [/^spec\.validation.*\.type: Unsupported value: "odd"/],
  ],
  [
    'defaults that pruning would take away may stay',
    { versions: { v1: spec({ type: 'object', title: 'new', default: { a: 1 } }) } },
    { versions: { v1: spec({ type: 'object', default: { a: 1 } }) } },
    [],
  ],
  [
    'sets of merged objects may stay',
    { versions: { v1: list({ type: 'object' }, { 'x-kubernetes-list-type': 'set', title: 'new' }) } },
    { versions: { v1: list({ type: 'object' }, { 'x-kubernetes-list-type': 'set' }) } },
    [],
  ],
  [
    'keys that may be missing may stay',
    { versions: { v1: list({ type: 'object', properties: { a: { type: 'string', title: 'new' } } }, KEYED) } },
    { versions: { v1: list({ type: 'object', properties: { a: { type: 'string' } } }, KEYED) } },
    [],
  ],
  [
    'schemas without structure may not stay where fields are pruned',
    { versions: { v1: { type: 'object', description: 'new', properties: { spec: {} } } } },
    { versions: { v1: { type: 'object', properties: { spec: {} } } } },
    [/properties\[spec\]\.type: Required value/],
  ],
  [
    'a protected group may stay without approval',
    { versions: { v1: plain }, group: 'a.k8s.io' },
    { versions: { v1: spec({ type: 'integer' }) }, group: 'a.k8s.io' },
    [],
  ],
  [
    'but may not lose it',
    { versions: { v1: plain }, group: 'a.k8s.io' },
    {
      versions: { v1: spec({ type: 'integer' }) },
      group: 'a.k8s.io',
      annotations: { 'api-approved.kubernetes.io': 'unapproved, a test' },
    },
    [/^metadata\.annotations\[api-approved\.kubernetes\.io\]: Required value/],
  ],
]
for (const [name, now, old, wanted] of updates) {
  it(`updates: ${name}`, () => {
    const found = updateErrors(now, old)
    assert.equal(found.length, wanted.length, found.join('\n'))
    for (const [index, pattern] of wanted.entries()) assert.match(found[index]!, pattern)
  })
}

it('updates: as many selectable fields as there were may stay', () => {
  const names = Array.from({ length: 9 }, (_, index) => `f${index}`)
  const schema = (type: string): object => ({
    type: 'object',
    properties: Object.fromEntries([...names.map(name => [name, { type: 'string' }]), ['other', { type }]]),
  })
  const selectable = (count: number): object => ({
    selectableFields: names.slice(0, count).map(name => ({ jsonPath: `.${name}` })),
  })
  const change = (count: number): string[] =>
    updateErrors(
      { versions: { v1: schema('string') }, more: selectable(9) },
      { versions: { v1: schema('integer') }, more: selectable(count) },
    )
  assert.deepEqual(change(9), [])
  assert.match(change(8)[0]!, /^spec\.selectableFields: Too many: 9: must have at most 8 items/)
})

const storedVersions: readonly [given: string[] | undefined, expected: string[]][] = [
  [[], ['v1']],
  [undefined, ['v1']],
  [['v0'], ['v0']],
]
for (const [given, expected] of storedVersions) {
  it(`a status with storedVersions ${JSON.stringify(given)} has ${JSON.stringify(expected)}`, () => {
    const versions = [{ name: 'v0' }, { name: 'v1', storage: true }]
    const definition = { spec: { versions }, status: { storedVersions: given } } as unknown as CustomResourceDefinition
    strategy.default!(definition)
    assert.deepEqual(definition.status?.storedVersions, expected)
  })
}

const map = { type: 'object', additionalProperties: { type: 'string' } }
const selectable = spec({ type: 'object', properties: { a: { type: 'string' }, m: map } })
const paths: readonly [string, string | undefined][] = [
  ['.spec.a', undefined],
  ['.spec.m.x', undefined],
  ['spec.a', 'is an invalid path: expected [ or . but got: spec'],
  ['.', 'is an invalid path: unexpected end of JSON path'],
  [".spec['a']", 'is an invalid path: array notation is not allowed'],
  ['.spec.b', 'is an invalid path: does not refer to a valid field'],
]
for (const [jsonPath, problem] of paths) {
  it(`selectable fields: ${jsonPath}`, () => {
    const field = 'spec.selectableFields[0].jsonPath'
    const expected = problem === undefined ? [] : [`${field}: Invalid value: ${JSON.stringify(jsonPath)}: ${problem}`]
    assert.deepEqual(errorsOf(selectable, { selectableFields: [{ jsonPath }] }), expected)
  })
}

it('selectable fields: of no schema', () => {
  assert.deepEqual(errorsOf(undefined, { selectableFields: [{ jsonPath: '.spec.a' }] }), [
    'spec.versions[0].schema.openAPIV3Schema: Required value',
    'spec.selectableFields: Invalid value: "": may only be set when validations.schema is included',
  ])
})

it('rules that are not there are missed', () => {
  assert.deepEqual(errorsOf(spec({ type: 'object', 'x-kubernetes-validations': [{}] })), [
    `${AT}.x-kubernetes-validations[0].rule: Required value: rule is not specified`,
  ])
})

it('what Go would write as HTML is escaped in what findings show', () => {
  const [text] = errorsOf(spec({ type: 'object', 'x-kubernetes-validations': [{ rule: '1 > 0 && 2' }] }))
  assert.match(text!, /Invalid value: \{"Rule":"1 \\u003e 0 \\u0026\\u0026 2"/)
})

it('warns of formats that nobody holds values to, but of those that were there', () => {
  const of = (...formats: [string, string][]): KubeObject => {
    const properties = Object.fromEntries(formats.map(([type, format], index) => [`f${index}`, { type, format }]))
    const schema = { openAPIV3Schema: { type: 'object', properties } }
    return {
      spec: {
        versions: [
          { name: 'v1', schema },
          { name: 'v2', schema },
        ],
      },
    } as unknown as KubeObject
  }
  const known = of(['string', 'date-time'], ['string', 'password'], ['integer', 'int32'], ['number', 'double'])
  assert.deepEqual(strategy.warnings!(known, undefined), [])
  const odd = of(['string', 'int32'], ['integer', 'date'])
  assert.deepEqual(strategy.warnings!(odd, undefined), ['unrecognized format "int32"', 'unrecognized format "date"'])
  assert.deepEqual(strategy.warnings!(odd, of(['string', 'int32'])), ['unrecognized format "date"'])
})

describe("what versions say is told in upstream's order", () => {
  const schemaOf = (more: object): object => ({ openAPIV3Schema: { type: 'object', ...more } })
  const findingsOf = (versions: object[], more: object = {}): string[] => {
    const definition = {
      metadata: { name: 'foos.example.com' },
      spec: { group: 'example.com', scope: 'X', names: { plural: 'foos', kind: 'Foo!' }, versions, ...more },
      status: { storedVersions: ['v1'] },
    }
    strategy.default!(definition as unknown as KubeObject)
    return strategy.validate!(definition as unknown as CustomResourceDefinition).map(each =>
      fieldErrorText(each).replace(/: Invalid value: .*/, ''),
    )
  }
  const version = (name: string, more: object): object => ({ name, served: true, storage: name === 'v1', ...more })

  it('each for itself before names, all alike after them', () => {
    const open = { properties: { a: { default: 1 } } }
    const versions = [
      version('v1', { schema: schemaOf(open), additionalPrinterColumns: [{ name: 'a', type: 'x', jsonPath: '.a' }] }),
      version('v2', {
        schema: schemaOf({ nullable: true }),
        additionalPrinterColumns: [{ name: 'a', type: 'x', jsonPath: '.a' }],
      }),
    ]
    assert.deepEqual(findingsOf(versions, { preserveUnknownFields: true, conversion: { strategy: 'Webhook' } }), [
      'spec.scope: Unsupported value: "X": supported values: "Cluster", "Namespaced"',
      'spec.preserveUnknownFields',
      'spec.versions[0].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
      'spec.versions[1].schema.openAPIV3Schema.nullable: Forbidden: nullable cannot be true at the root',
      'spec.names.singular',
      'spec.names.kind',
      'spec.names.listKind',
      'spec.additionalPrinterColumns[0].type',
      'spec.conversion.strategy',
      'spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook',
      'spec.conversion.conversionReviewVersions: Required value',
      'spec.preserveUnknownFields',
    ])
  })

  it('fields of versions are not looked for in the schema of all', () => {
    const schema = schemaOf({ properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } } })
    const versions = [version('v1', { schema, selectableFields: [{ jsonPath: '.spec.a' }] }), version('v2', { schema })]
    assert.ok(findingsOf(versions).includes('spec.versions[0].selectableFields'))
  })
})

it('a schema is shown as upstream holds it', () => {
  const schema = { type: 'object', maxProperties: 1, properties: { a: { type: 'array', items: { type: 'string' } } } }
  const [text] = errorsOf(schema, { subresources: { status: {} } })
  assert.match(
    text!,
    /Invalid value: \{"ID":"","Schema":"","Ref":null,.*"Items":\{"Schema":\{"ID":"".*,"JSONSchemas":null\}/,
  )
})

it('of a default, nothing is kept that no schema knows, and any type where a number or a text may be', () => {
  const at = `${AT}.default: Invalid value`
  assert.deepEqual(errorsOf(spec({ 'x-kubernetes-int-or-string': true, default: {} })), [])
  assert.deepEqual(errorsOf(spec({ 'x-kubernetes-int-or-string': true, default: { a: 1 } })), [
    `${at}: {"a":1}: must not have unknown fields`,
  ])
  const map = { type: 'object', additionalProperties: { type: 'string' }, default: { a: 1 } }
  assert.deepEqual(errorsOf(spec(map)), [
    `${AT}.default.a: Invalid value: "integer": .a in body must be of type string: "integer"`,
  ])
})

it('a status is checked for the names that it accepts', () => {
  const status = { acceptedNames: { plural: 'A b' }, storedVersions: [] }
  const object = { metadata: {}, spec: { versions: [] }, status } as unknown as KubeObject
  const fields = strategy.validateStatusUpdate!(object, object).map(({ field }) => field)
  assert.deepEqual(fields, ['status.acceptedNames.plural'])
})
