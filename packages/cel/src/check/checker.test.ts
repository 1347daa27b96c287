import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kubernetesEnvironment } from '../kubernetes/environment.ts'
import { declaredTypes, declareSchema } from '../kubernetes/schema.ts'
import { dynType, formatType, intType, listOf, mapOf, stringType } from '../types/type.ts'

const self = declareSchema(
  {
    type: 'object',
    properties: {
      count: { type: 'integer' },
      ratio: { type: 'number' },
      name: { type: 'string' },
      'my-field': { type: 'boolean' },
      namespace: { type: 'string' },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      ports: { type: 'array', items: { type: 'object', properties: { port: { type: 'integer' } } } },
      any: { 'x-kubernetes-preserve-unknown-fields': true },
      either: { 'x-kubernetes-int-or-string': true },
    },
  },
  false,
)!

const environment = kubernetesEnvironment.extend({
  variables: { self: self.type, names: listOf(stringType), counts: mapOf(stringType, intType), object: dynType },
  libraries: [{ types: declaredTypes(self) }],
})

const types: readonly (readonly [expression: string, type: string])[] = [
  ['self.count + 1', 'int'],
  ['self.ports[0].port', 'int'],
  ['self.ports.map(p, p.port)', 'list(int)'],
  ['self.my__dash__field', 'bool'],
  ['self.__namespace__', 'string'],
  ['self.labels', 'map(string, string)'],
  ['self.labels.app', 'string'],
  ['self.?labels.app', 'optional_type(string)'],
  ['self.?labels[?"app"].orValue("")', 'string'],
  ['self.either', 'dyn'],
  ['object.metadata.name', 'dyn'],
  ['[]', 'list(dyn)'],
  ['[] + [1]', 'list(int)'],
  ['{"a": 1}', 'map(string, int)'],
  ['type(1)', 'type(int)'],
  ['names.all(n, n != "")', 'bool'],
  ['counts.transformMap(k, v, v + 1)', 'map(string, int)'],
  ['counts.exists(k, v, v > 1)', 'bool'],
  ['names.sortBy(n, n.size())', 'list(string)'],
  ['true ? 1 : dyn("a")', 'dyn'],
  ['optional.of(1).optMap(x, x + 1)', 'optional_type(int)'],
  ["duration('1h') + timestamp('2020-01-01T00:00:00Z')", 'timestamp'],
  ["quantity('1Gi')", 'kubernetes.Quantity'],
  ["format.named('dns1123Label')", 'optional_type(kubernetes.NamedFormat)'],
  ["'%s %d'.format(['a', 1])", 'string'],
]

for (const [expression, type] of types) {
  test(`check: ${expression} is ${type}`, () => {
    const compiled = environment.compile(expression)
    assert.ok(compiled.ok, compiled.ok ? '' : compiled.message)
    assert.equal(formatType(compiled.outputType), type)
  })
}

const problems: readonly (readonly [expression: string, ...messages: string[]])[] = [
  ['foo', "1:1: undeclared reference to 'foo' (in container '')"],
  ['self.foo', "1:5: undefined field 'foo'"],
  ['self.any', "1:5: undefined field 'any'"],
  ['self.count.foo', "1:11: type 'int' does not support field selection"],
  ['self.count + "a"', "1:12: found no matching overload for '_+_' applied to '(int, string)'"],
  ['self.count + self.ratio', "1:12: found no matching overload for '_+_' applied to '(int, double)'"],
  ['self.count == "a"', "1:12: found no matching overload for '_==_' applied to '(int, string)'"],
  ['self.name.foo()', "1:14: undeclared reference to 'foo' (in container '')"],
  ['self.name.startsWith(1)', "1:21: found no matching overload for 'startsWith' applied to 'string.(int)'"],
  ['self.count && true', "1:5: expected type 'bool' but found 'int'"],
  [
    'self.count.all(x, true)',
    "1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
  ],
  ['names.exists(n, n)', "1:17: expected type 'bool' but found 'string'"],
  ['[1, "a"]', "1:5: expected type 'int' but found 'string'"],
  ['{"a": 1, "b": "c"}', "1:15: expected type 'int' but found 'string'"],
  ["duration('1x')", '1:10: invalid duration argument'],
  ["timestamp('yesterday')", '1:11: invalid timestamp argument'],
  ["self.name.matches('[')", '1:19: invalid matches argument'],
  ['Foo{}', "1:4: undeclared reference to 'Foo' (in container '')"],
  [
    "'%d'.format(['a'])",
    '1:14: error during formatting: decimal clause can only be used on integers, was given string',
  ],
  ["'%d'.format([1, 2])", '1:12: too many arguments supplied to string.format (expected 1, got 2)'],
  [
    'foo + bar',
    "1:1: undeclared reference to 'foo' (in container '')",
    "1:7: undeclared reference to 'bar' (in container '')",
  ],
]

for (const [expression, ...messages] of problems) {
  test(`check fails: ${expression}`, () => {
    const compiled = environment.compile(expression)
    assert.ok(!compiled.ok)
    const heads = compiled.message.split('\n').filter(line => line.startsWith('ERROR'))
    assert.deepEqual(
      heads,
      messages.map(message => `ERROR: <input>:${message}`),
    )
  })
}

test('a problem shows the line that it is in', () => {
  const compiled = environment.compile('true &&\n\tself.foo')
  assert.ok(!compiled.ok)
  assert.equal(compiled.message, "ERROR: <input>:2:6: undefined field 'foo'\n |  self.foo\n | .....^")
})
