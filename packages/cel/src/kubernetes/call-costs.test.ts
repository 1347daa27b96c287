import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Environment } from '../environment.ts'
import { kubernetesLibraries } from './environment.ts'
import { authorizerType, authorizerValue } from './library/authorizer.ts'
import { mutationLibrary } from './library/json-patch.ts'

/** An environment as upstream's tables of costs assume it: nothing is folded, and texts that come from somewhere are short. */
const environment = new Environment({
  presenceTestHasCost: false,
  foldConstants: false,
  variables: { authorizer: authorizerType },
  libraries: [...kubernetesLibraries, mutationLibrary].map(library => ({ ...library, validators: [] })),
})

/** Expressions with what they may cost and what they do cost. Facts: apiserver pkg/cel/library/cost_test.go. */
const costs: readonly (readonly [expression: string, estimate: readonly [min: number, max: number], actual: number])[] =
  [
    ["'ABCDEFGHIJ abcdefghij'.lowerAscii()", [3, 3], 3],
    ["'ABCDEFGHIJ abcdefghij'.upperAscii()", [3, 3], 3],
    ["strings.quote('ABCDEFGHIJ abcdefghij')", [3, 3], 3],
    ["'abc 123 def 123'.replace('123', '456')", [3, 3], 3],
    ["'abc 123 def 123'.split(' ')", [3, 3], 3],
    ["'abc 123 def 123'.substring(5)", [2, 2], 2],
    ["'  abc 123 def 123  '.trim()", [2, 2], 2],
    ["['aa', 'bb', 'cc', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].join(' ')", [11, 23], 15],
    ["'abc 123 def 123'.find('123')", [2, 2], 2],
    ["'abc 123 def 123'.findAll('123')", [2, 2], 2],
    ["jsonpatch.escapeKey('abc/def~ abc/def~')", [2, 2], 2],
    ["authorizer.path('/healthz')", [2, 2], 2],
    [
      "authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend')",
      [6, 6],
      6,
    ],
    [
      "authorizer.group('').resource('pods').fieldSelector('spec.nodeName=example-node-name.fully.qualified.domain.name.example.com')",
      [1821, 1821],
      1821,
    ],
    [
      "authorizer.group('').resource('pods').labelSelector('spec.nodeName=example-node-name.fully.qualified.domain.name.example.com')",
      [1821, 1821],
      1821,
    ],
    ["authorizer.path('/healthz').check('get').allowed()", [350003, 350003], 350003],
    [
      "authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend').check('create').allowed()",
      [350007, 350007],
      350007,
    ],
    [
      "authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend').check('create').errored()",
      [350007, 350007],
      350007,
    ],
    [
      "authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend').check('create').error()",
      [350007, 350007],
      350007,
    ],
    ['quantity("12Mi")', [1, 1], 1],
    ['isQuantity("20")', [1, 1], 1],
    ['quantity("50M").isLessThan(quantity("50Mi"))', [3, 3], 3],
    ['quantity("50Mi").isGreaterThan(quantity("50M"))', [3, 3], 3],
    ['quantity("200M").compareTo(quantity("0.2G")) > 0', [4, 4], 4],
    ['quantity("50k").add(quantity("20")) == quantity("50.02k")', [5, 5], 5],
    ['quantity("50k").sub(quantity("20")) == quantity("49.98k")', [5, 5], 5],
    ['quantity("50k").add(20).sub(quantity("100k")).asInteger() > 0', [6, 6], 6],
    ['quantity("50k").asInteger() > 0', [3, 3], 3],
    ['quantity("50").isInteger()', [2, 2], 2],
    ['quantity("50.703k").asApproximateFloat() > 0.0', [3, 3], 3],
    ['format.named("dns1123subdomain")', [1, 1], 1],
    ['format.named("dns1123Subdomain").value().validate("my-name")', [34, 34], 17],
    ['format.named("dns1123Label").value() == format.named("dns1123Label").value()', [5, 11], 5],
    ['sets.contains([], [])', [21, 21], 21],
    ['sets.equivalent([], [])', [21, 21], 21],
    ['sets.intersects([1], [1])', [22, 22], 22],
    ['semver("1.0.0")', [1, 1], 1],
    ['isSemver("1.0.0")', [1, 1], 1],
    ['semver("1.2.3").major()', [2, 2], 2],
    ['semver("1.2.3").minor()', [2, 2], 2],
    ['semver("1.2.3").patch()', [2, 2], 2],
    ['semver("1.0.0").isLessThan(semver("1.1.0"))', [3, 3], 3],
    ['semver("1.1.0").isGreaterThan(semver("1.0.0"))', [3, 3], 3],
    ['semver("1.0.0").compareTo(semver("1.2.3"))', [3, 3], 3],
    ["{'a': 1, 'b': 2}.all(k, v, v > 0)", [37, 41], 41],
    ["{'a': 1, 'b': 2}.exists(k, v, v > 0)", [39, 43], 40],
    ["{'a': 1, 'b': 2}.existsOne(k, v, v > 0)", [38, 40], 40],
    ["{'a': 1, 'b': 2}.transformMap(k, v, v + 1)", [71, 71], 71],
    ["{'a': 1, 'b': 2}.transformMapEntry(k, v, {k: v + 1})", [131, 131], 131],
    ['[1, 2].transformList(i, v, v + 1)', [49, 49], 49],
    ['[1, 2, 3, 4, 5].sum()', [15, 15], 15],
    ['[uint(1), uint(2), uint(3), uint(4), uint(5)].sum()', [20, 20], 20],
    ["[duration('1s'), duration('2s'), duration('3s'), duration('4s'), duration('5s')].sum()", [20, 20], 20],
    ['[1, 2, 3, 4, 5].isSorted()', [15, 15], 15],
    ['[1, 2, 3, 4, 5].max()', [15, 15], 15],
    ['[1, 2, 3, 4, 5].min()', [15, 15], 15],
    ['[uint(1), uint(2), uint(3), uint(4), uint(5)].isSorted()', [20, 20], 20],
    ['[uint(1), uint(2), uint(3), uint(4), uint(5)].max()', [20, 20], 20],
    ['[uint(1), uint(2), uint(3), uint(4), uint(5)].min()', [20, 20], 20],
    [
      "[bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901')].isSorted()",
      [25, 35],
      25,
    ],
    [
      "[bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901')].max()",
      [25, 35],
      25,
    ],
    [
      "[bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901')].min()",
      [25, 35],
      25,
    ],
    ["[duration('1s'), duration('2s'), duration('3s'), duration('4s'), duration('5s')].isSorted()", [20, 20], 20],
    ["[duration('1s'), duration('2s'), duration('3s'), duration('4s'), duration('5s')].max()", [20, 20], 20],
    ["[duration('1s'), duration('2s'), duration('3s'), duration('4s'), duration('5s')].min()", [20, 20], 20],
    ['[1, 2, 3, 4, 5].indexOf(3)', [15, 15], 15],
    ['[1, 2, 3, 4, 5].lastIndexOf(3)', [15, 15], 15],
    ['[uint(1), uint(2), uint(3), uint(4), uint(5)].indexOf(uint(3))', [21, 21], 21],
    ['[uint(1), uint(2), uint(3), uint(4), uint(5)].lastIndexOf(uint(3))', [21, 21], 21],
    [
      "[bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901')].indexOf(bytes('x'))",
      [26, 36],
      26,
    ],
    [
      "[bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901'), bytes('012345678901')].lastIndexOf(bytes('x'))",
      [26, 36],
      26,
    ],
    [
      "[duration('1s'), duration('2s'), duration('3s'), duration('4s'), duration('5s')].indexOf(duration('3s'))",
      [21, 21],
      21,
    ],
    [
      "[duration('1s'), duration('2s'), duration('3s'), duration('4s'), duration('5s')].lastIndexOf(duration('3s'))",
      [21, 21],
      21,
    ],
  ]

for (const [expression, [min, max], actual] of costs) {
  test(`costs: ${expression}`, () => {
    const parsed = environment.parse(expression)
    assert.ok(parsed.ast, parsed.message)
    const compiled = environment.check(parsed.ast)
    assert.ok(compiled.ok)
    const estimate = environment.estimateCost(compiled.ast, ({ type }) =>
      type.kind === 'string' || type.kind === 'bytes' ? { min: 0, max: 12 } : undefined,
    )
    assert.deepEqual(estimate, { min, max })
    const authorizer = authorizerValue(() => ({ allowed: true, reason: '' }))
    const result = environment.program(compiled.ast).evaluate({ authorizer })
    assert.ok(result.ok)
    assert.equal(result.cost, actual)
  })
}
