import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Environment } from '../environment.ts'
import { kubernetesEnvironment } from './environment.ts'
import {
  type DeclType,
  declaredSizes,
  declaredTypes,
  declareSchema,
  type ValueSchema,
  withResourceMeta,
} from './schema.ts'
import { schemaValue } from './schema-values.ts'

interface Costs {
  readonly name: string
  readonly schema: ValueSchema
  readonly object?: unknown
  readonly costs: readonly (readonly [rule: string, cost: number])[]
}

/** Rules that hold, and what that costs. Facts: apiextensions-apiserver pkg/apiserver/schema/cel/celcoststability_test.go. */
const actual: readonly Costs[] = [
  {
    name: 'unicode strings',
    schema: { type: 'object', properties: { val1: { type: 'string' }, val2: { type: 'string' } } },
    object: { val1: 'Rook takes 👑', val2: 'Rook takes 👑' },
    costs: [
      ["self.val1.startsWith('Rook')", 4],
      ['size(self.val1) == 12', 4],
      ["self.val1.replace(' ', 'x', 1) == 'Rookxtakes 👑'", 7],
      ["self.val1.substring(4, 10).trim() == 'takes'", 6],
    ],
  },
  {
    name: 'conversions',
    schema: {
      type: 'object',
      properties: {
        val1: { type: 'integer' },
        val2: { type: 'number' },
        val3: { type: 'number' },
        val4: { type: 'number' },
        val5: { type: 'boolean' },
        val6: { type: 'string' },
        val7: { type: 'string', format: 'byte' },
        val8: { type: 'string' },
        val9: { type: 'string', format: 'duration' },
        val10: { type: 'string' },
        val11: { type: 'string', format: 'date-time' },
        val12: { type: 'string' },
        val13: { type: 'string', format: 'date' },
      },
    },
    object: {
      val1: 10,
      val2: 10.0,
      val3: 10.49,
      val4: 10.5,
      val5: true,
      val6: '10',
      val7: 'MTA=',
      val8: '3723.004s',
      val9: '1h2m3s4ms',
      val10: '2011-08-18T19:03:37.01+01:00',
      val11: '2011-08-18T19:03:37.01+01:00',
      val12: '2011-08-18T00:00:00Z',
      val13: '2011-08-18',
    },
    costs: [
      ['int(self.val2) == self.val1', 6],
      ['bytes(self.val6) == self.val7', 6],
      ["string(self.val4) == '10.5'", 4],
      ['duration(self.val8) == self.val9', 6],
    ],
  },
  {
    name: 'lists',
    schema: {
      type: 'object',
      properties: {
        val1: { type: 'array', items: { type: 'integer' } },
        val2: { type: 'array', items: { type: 'integer' } },
      },
    },
    object: { val1: [1, 2, 3], val2: [1, 2, 3] },
    costs: [
      ['1 in self.val1', 5],
      ['self.val2[0] in self.val1', 8],
      ['!(0 in self.val1)', 6],
      ['self.val1 + self.val2 == [1, 2, 3, 1, 2, 3]', 6],
    ],
  },
  {
    name: 'listMaps',
    schema: {
      type: 'object',
      properties: {
        objs: {
          type: 'array',
          items: {
            type: 'array',
            items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'string' } } },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
          },
        },
      },
    },
    object: {
      objs: [
        [
          { k: 'a', v: '1' },
          { k: 'b', v: '2' },
        ],
        [
          { k: 'b', v: '2' },
          { k: 'a', v: '1' },
        ],
        [
          { k: 'b', v: '3' },
          { k: 'a', v: '1' },
        ],
        [{ k: 'c', v: '4' }],
      ],
    },
    costs: [
      ['self.objs[0] == self.objs[1]', 7],
      ['self.objs[0] + self.objs[2] == self.objs[2]', 11],
      ['self.objs[2] + self.objs[0] == self.objs[0]', 11],
      ['self.objs[0] == [self.objs[0][0], self.objs[0][1]]', 22],
    ],
  },
  {
    name: 'maps',
    schema: {
      type: 'object',
      properties: {
        val1: { type: 'object', additionalProperties: { type: 'string' } },
        val2: { type: 'object', additionalProperties: { type: 'string' } },
      },
    },
    object: { val1: { k1: 'a', k2: 'b' }, val2: { k2: 'b', k1: 'a' } },
    costs: [
      ['self.val1 == self.val2', 5],
      ["'k1' in self.val1", 3],
      ["!('k3' in self.val1)", 4],
      ["self.val1 == {'k1': 'a', 'k2': 'b'}", 3],
    ],
  },
  {
    name: 'listMap access',
    schema: {
      type: 'object',
      properties: {
        listMap: {
          type: 'array',
          items: {
            type: 'object',
            properties: { k: { type: 'string' }, v: { type: 'string' }, v2: { type: 'string' } },
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
        },
      },
    },
    object: {
      listMap: [
        { k: 'a1', v: 'b1' },
        { k: 'a2', v: 'b2' },
        { k: 'a3', v: 'b3', v2: 'z' },
      ],
    },
    costs: [
      ['has(self.listMap[0].v)', 3],
      ["!self.listMap.exists(m, m.v == 'x')", 25],
      ["!self.listMap.all(m, has(m.v2) && m.v2 != 'z')", 10],
      ["!self.listMap.all(m, m.v2 != 'z')", 22],
    ],
  },
  {
    name: 'object access',
    schema: {
      type: 'object',
      properties: {
        a: {
          type: 'object',
          properties: { b: { type: 'integer' }, c: { type: 'integer' }, d: { type: 'integer', nullable: true } },
        },
        a1: {
          type: 'object',
          properties: {
            b1: { type: 'object', properties: { c1: { type: 'integer' } } },
            d2: { type: 'object', properties: { e2: { type: 'integer' } } },
          },
        },
      },
    },
    object: { a: { b: 1, d: null }, a1: { b1: { c1: 4 } }, a3: {} },
    costs: [
      ['has(self.a.b)', 2],
      ['has(self.a1.b1.c1)', 3],
      ['!(has(self.a1.d2) && has(self.a1.d2.e2))', 3],
      ['!has(self.a1.d2)', 3],
    ],
  },
  {
    name: 'null in intOrString',
    schema: { type: 'object', properties: { something: { 'x-kubernetes-int-or-string': true, nullable: true } } },
    object: { something: null },
    costs: [['!has(self.something)', 2]],
  },
  {
    name: 'field nullability',
    schema: {
      type: 'object',
      properties: {
        unsetPlainStr: { type: 'string' },
        unsetDefaultedStr: { type: 'string', default: 'default value' },
        unsetNullableStr: { type: 'string', nullable: true },
        setPlainStr: { type: 'string' },
        setDefaultedStr: { type: 'string', default: 'default value' },
        setNullableStr: { type: 'string', nullable: true },
        setToNullNullableStr: { type: 'string', nullable: true },
      },
    },
    object: {
      setPlainStr: 'v1',
      setDefaultedStr: 'v2',
      setNullableStr: 'v3',
      setToNullNullableStr: null,
      unsetDefaultedStr: 'default value',
    },
    costs: [
      ['!has(self.unsetPlainStr)', 2],
      ['!has(self.unsetNullableStr)', 2],
      ["has(self.setDefaultedStr) && self.setDefaultedStr == 'v2'", 4],
      ['type(self.setNullableStr) != null_type', 4],
    ],
  },
  {
    name: 'typemeta and objectmeta access not specified',
    schema: { type: 'object', properties: { spec: { type: 'object', properties: { field1: { type: 'string' } } } } },
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'foo', generateName: 'pickItForMe', namespace: 'xyz' },
      spec: { field1: 'a' },
    },
    costs: [
      ["self.kind == 'Pod'", 3],
      ["self.apiVersion == 'v1'", 3],
      ["self.metadata.name == 'foo'", 4],
      ["self.metadata.generateName == 'pickItForMe'", 5],
    ],
  },
  {
    name: 'optionals',
    schema: {
      type: 'object',
      properties: {
        obj: { type: 'object', properties: { field: { type: 'string' }, absentField: { type: 'string' } } },
        m: { type: 'object', additionalProperties: { type: 'string' } },
        l: { type: 'array', items: { type: 'string' } },
      },
    },
    object: { obj: { field: 'a' }, m: { k: 'v' }, l: ['a'] },
    costs: [
      ["optional.of('a') != optional.of('b')", 3],
      ["optional.of('a').or(optional.of('a')).hasValue()", 2],
      ["self.obj.?field == optional.of('a')", 5],
      ["self.m[?'k'] == optional.of('v')", 5],
    ],
  },
]

/** The most that rules may cost, from the same place. */
const estimated: readonly Costs[] = [
  {
    name: 'unicode strings',
    schema: { type: 'object', properties: { val1: { type: 'string' }, val2: { type: 'string' } } },
    costs: [
      ["self.val1.startsWith('Rook')", 3],
      ['type(self.val1) == string', 4],
      ["self.val1.indexOf('o', 2) == 2", 314576],
      ["self.val1.split(' ', 2) == ['Rook', 'takes 👑']", 629159],
    ],
  },
  {
    name: 'listSets',
    schema: {
      type: 'object',
      properties: {
        val1: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        val2: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      },
    },
    costs: [
      ["self.val1 == ['c', 'b', 'a']", 13],
      ['self.val2[0] in self.val1', 1048580],
      ["self.val1 + ['c', 'd'] == ['a', 'b', 'c', 'd']", 24],
      ['!has(self.val1)', 2],
    ],
  },
  {
    name: 'listMap access',
    schema: {
      type: 'object',
      properties: {
        listMap: {
          type: 'array',
          items: {
            type: 'object',
            properties: { k: { type: 'string' }, v: { type: 'string' }, v2: { type: 'string' } },
          },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
        },
      },
    },
    costs: [
      ['has(self.listMap[0].v)', 3],
      ["self.listMap.exists_one(m, m.k == 'a3')", 5242879],
      ["size(self.listMap.filter(m, m.k == 'a1')) == 1", 16777215],
      ["self.listMap.exists_one(m, has(m.v2) && m.v2 == 'z')", 6291454],
    ],
  },
  {
    name: 'percent comparison using intOrString',
    schema: {
      type: 'object',
      properties: {
        min: { 'x-kubernetes-int-or-string': true },
        current: { type: 'integer' },
        available: { type: 'integer' },
      },
    },
    costs: [[`type(self.min) == string && self.min.matches(r'(\\d+(\\.\\d+)?%)')`, 1258298]],
  },
  {
    name: 'container type composition',
    schema: {
      type: 'object',
      properties: {
        obj: { type: 'object', properties: { field: { type: 'string' } } },
        mapOfMap: {
          type: 'object',
          additionalProperties: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 10 },
          maxProperties: 10,
        },
        mapOfObj: {
          type: 'object',
          additionalProperties: { type: 'object', properties: { field2: { type: 'string' } } },
        },
        mapOfListMap: {
          type: 'object',
          additionalProperties: {
            type: 'array',
            items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'string' } } },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
            maxItems: 10,
          },
          maxProperties: 10,
        },
        mapOfList: {
          type: 'object',
          additionalProperties: { type: 'array', items: { type: 'string' }, maxItems: 10 },
          maxProperties: 10,
        },
        listMapOfObj: {
          type: 'array',
          items: { type: 'object', properties: { k2: { type: 'string' }, v2: { type: 'string' } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k2'],
          maxItems: 10,
        },
        listOfMap: {
          type: 'array',
          items: { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 10 },
          maxItems: 10,
        },
        listOfObj: { type: 'array', items: { type: 'object', properties: { field3: { type: 'string' } } } },
        listOfListMap: {
          type: 'array',
          items: {
            type: 'array',
            items: { type: 'object', properties: { k3: { type: 'string' }, v3: { type: 'string' } } },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
            maxItems: 10,
          },
          maxItems: 10,
        },
      },
    },
    costs: [
      ["self.obj.field == 'a'", 4],
      ["self.mapOfList['l'][0] == 'e'", 5],
      ["self.listOfListMap[0].exists(e, e.k3 == '3' && e.v3 == 'i')", 104],
      ['self.listOfMap.map(e, e).map(e, e).size() == 1', 286],
    ],
  },
  {
    name: 'list access',
    schema: { type: 'object', properties: { array: { type: 'array', items: { type: 'integer' } } } },
    costs: [
      ['2 in self.array', 1572865],
      ['self.array.exists(e, e > 2)', 9437181],
      ['!self.array.all(e, e < 2)', 7864319],
      ['!self.array.exists_one(e, e == 2)', 4718594],
    ],
  },
]

function ruleEnvironment(schema: ValueSchema): { self: DeclType; environment: Environment } {
  const self = declareSchema(schema, true)
  assert.ok(self)
  const environment = kubernetesEnvironment.extend({
    variables: { self: self.type, oldSelf: self.type },
    libraries: [{ types: declaredTypes(self) }],
  })
  return { self, environment }
}

for (const { name, schema, object, costs } of actual) {
  const { environment } = ruleEnvironment(schema)
  for (const [rule, cost] of costs) {
    test(`costs of a rule: ${name}: ${rule}`, () => {
      const compiled = environment.compile(rule)
      assert.ok(compiled.ok, compiled.ok ? '' : compiled.message)
      const self = schemaValue(withResourceMeta(schema), object)
      assert.deepEqual(environment.program(compiled.ast).evaluate({ self }), { ok: true, value: true, cost })
    })
  }
}

for (const { name, schema, costs } of estimated) {
  const { self, environment } = ruleEnvironment(schema)
  for (const [rule, cost] of costs) {
    test(`estimated costs of a rule: ${name}: ${rule}`, () => {
      const compiled = environment.compile(rule)
      assert.ok(compiled.ok, compiled.ok ? '' : compiled.message)
      assert.equal(environment.estimateCost(compiled.ast, declaredSizes(self)).max, cost)
    })
  }
}
