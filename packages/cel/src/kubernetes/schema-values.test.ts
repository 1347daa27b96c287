import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kubernetesEnvironment } from './environment.ts'
import { escapeFieldName, unescapeFieldName } from './field-names.ts'
import { declaredTypes, declareSchema, maxCardinality, type ValueSchema } from './schema.ts'
import { schemaValue } from './schema-values.ts'

const text: ValueSchema = { type: 'string' }
const item: ValueSchema = { type: 'object', properties: { k: text, v: text } }
const schema: ValueSchema = {
  type: 'object',
  properties: {
    count: { type: 'integer' },
    ratio: { type: 'number' },
    'a-b': text,
    namespace: text,
    nullable: { type: 'string', nullable: true },
    either: { 'x-kubernetes-int-or-string': true },
    set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
    keyed: { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
    plain: { type: 'array', items: item },
    labels: { type: 'object', additionalProperties: text },
    span: { type: 'string', format: 'duration' },
    bytes: { type: 'string', format: 'byte' },
    embedded: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
}
const object = {
  count: 9223372036854775807n,
  ratio: 2,
  'a-b': 'dash',
  namespace: 'ns',
  nullable: null,
  either: '25%',
  set: ['a', 'b'],
  keyed: [
    { k: 'x', v: '1' },
    { k: 'y', v: '2' },
  ],
  plain: [{ k: 'x', v: '1' }],
  labels: { 'app/name': 'web' },
  span: '1h30m',
  bytes: 'QUI=',
  embedded: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels: { a: 'b' } }, spec: {} },
  open: { anything: 1 },
  unknown: 1,
}

const self = declareSchema(schema, false)!
const environment = kubernetesEnvironment.extend({
  variables: { self: self.type },
  libraries: [{ types: declaredTypes(self) }],
})

function run(rule: string, json: unknown = object): unknown {
  const compiled = environment.compile(rule)
  assert.ok(compiled.ok, compiled.ok ? '' : compiled.message)
  const result = environment.program(compiled.ast).evaluate({ self: schemaValue(schema, json) })
  return result.ok ? result.value : result.error.message
}

const rules: readonly string[] = [
  'self.count == 9223372036854775807',
  'type(self.ratio) == double && self.ratio == 2.0',
  'self.a__dash__b == "dash" && self.__namespace__ == "ns" && self.namespace == "ns"',
  '!has(self.nullable)',
  'self.either == "25%" && type(self.either) == string',
  'self.set == ["b", "a"] && self.set + ["b", "c"] == ["a", "b", "c"]',
  'self.keyed == [self.keyed[1], self.keyed[0]]',
  '(self.keyed + dyn(self.plain)).size() == 2 && self.plain + self.plain != self.plain',
  'self.labels["app/name"] == "web" && "app/name" in self.labels && self.labels.size() == 1',
  'self.span == duration("90m") && self.bytes == b"AB"',
  'self.embedded.kind == "Pod" && self.embedded.metadata.name == "p" && !has(self.embedded.metadata.generateName)',
  'self == self && dyn(self.keyed[0]) == self.plain[0]',
  'self.open == self.open',
  'type(self) == map',
]

for (const rule of rules) {
  test(`values of a schema: ${rule}`, () => {
    assert.equal(run(rule), true)
  })
}

const misfits: readonly (readonly [json: unknown, rule: string, message: string])[] = [
  [{}, 'self.count > 0', 'no such key: count'],
  [{ count: 'x' }, 'self.count > 0', 'invalid data, expected int, got string'],
  [{ count: 1.5 }, 'self.count > 0', 'invalid data, expected int, got float64'],
  [{ span: 'x' }, 'self.span == self.span', 'Invalid duration x'],
  [{ set: [null] }, 'self.set[0] == ""', 'invalid data, got null for schema with nullable=false'],
  [{ plain: {} }, 'has(self.plain)', 'invalid data, expected an array for the provided schema with type=array'],
  [{ plain: {} }, 'self.plain.size() == 0', 'invalid data, expected an array for the provided schema with type=array'],
]

for (const [json, rule, message] of misfits) {
  test(`values that do not fit their schema: ${message}`, () => {
    assert.equal(run(rule, json), message)
  })
}

const names: readonly (readonly [field: string, escaped: string | undefined])[] = [
  ['plain', 'plain'],
  ['a-b.c/d', 'a__dash__b__dot__c__slash__d'],
  ['a__b', 'a__underscores__b'],
  ['namespace', '__namespace__'],
  ['namespaces', 'namespaces'],
  ['1a', undefined],
  ['a b', undefined],
]

for (const [field, escaped] of names) {
  test(`field names: ${field} is ${escaped}`, () => {
    assert.equal(escapeFieldName(field), escaped)
    if (escaped !== undefined) assert.equal(unescapeFieldName(escaped), field)
  })
}

test('what a request has room for bounds what a schema leaves open', () => {
  const list = declareSchema({ type: 'array', items: { type: 'string' } }, false)!
  assert.deepEqual([list.maxElements, list.element?.maxElements], [1_048_575, 3_145_726])
  const bounded = declareSchema({ type: 'array', maxItems: 5, items: { type: 'string', maxLength: 10 } }, false)!
  assert.deepEqual([bounded.maxElements, bounded.element?.maxElements], [5, 40])
  assert.equal(
    maxCardinality(declareSchema({ type: 'object', required: ['ab'], properties: { ab: text } }, false)!),
    285_975,
  )
})
