/** Costs and errors are facts of k8s.io/dynamic-resource-allocation/cel/compile_test.go. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileDeviceSelector } from './device.ts'

const D = '["dra.example.com"]'
const TEN = '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]'

describe('selectors of devices', () => {
  const costs: readonly [string, number][] = [
    ['device.attributes["no-such-domain"].noSuchAttr.isGreaterThan(quantity("0"))', 6],
    ['"dra.example.com" in device.attributes', 3],
    ['device.driver == ""', 2],
    ['device.driver == "dra.example.com"', 4],
    [`device.attributes${D}.name`, 4],
    [`device.attributes${D}["name"]`, 4],
    [`cel.bind(dra, device.attributes${D}, dra.name)`, 15],
    [`device.attributes${D}.name > 0`, 5],
    [`device.attributes${D}.name == "fish"`, 5],
    [`device.attributes${D}.name.isGreaterThan(semver("0.0.1"))`, 6],
    [`device.attributes${D}.name.isGreaterThan(semver("v0.0.1", true)) && isSemver("v1.0.0", true)`, 7],
    [`device.capacity${D}.name.isGreaterThan(quantity("1Ki"))`, 6],
    [`"name" in device.capacity${D} && device.capacity${D}.name.isGreaterThan(quantity("1Ki"))`, 10],
    [`!("name" in device.capacity${D}) || device.capacity${D}.name.isGreaterThan(quantity("1Ki"))`, 11],
    [`device.attributes${D}.a && device.attributes${D}.b && device.attributes${D}.c`, 12],
    ['device.attributes.exists_one(x, x == "dra.example.com")', 164],
    [`device.attributes${D}.exists_one(x, x == "services")`, 133],
    [`device.attributes${D}.services.split("example").size() >= 2`, 19],
    [`device.attributes${D}.services.matches("[^a]?sym")`, 18],
    ['device.capacity.exists_one(x, x == "dra.example.com")', 164],
    [`device.capacity${D}.exists_one(x, x == "memory")`, 133],
    ['device.allowMultipleAllocations == true', 3],
    [
      `${TEN}.all(x, ${TEN}.all(y, ${TEN}.all(z, ${TEN}.all(z2, ${TEN}.all(z3, ${TEN}.all(z4, ${TEN}.all(z5, int('1'.find('[0-9]*')) < 100)))))))`,
      85_555_551,
    ],
  ]
  for (const [expression, cost] of costs) {
    it(`cost ${cost} at most: ${expression.slice(0, 100)}`, () => {
      const compiled = compileDeviceSelector(expression)
      assert.ok(!('error' in compiled), JSON.stringify(compiled))
      assert.equal(compiled.maxCost, cost)
    })
  }

  const errors: readonly [string, RegExp][] = [
    ['?!', /^compilation failed: ERROR: <input>:1:1: Syntax error/],
    ['1', /^must evaluate to bool or the unknown type, not int$/],
    ['dyn(1)', /^must evaluate to bool or the unknown type, not dyn$/],
    [`device.attributes${D}.a.b`, /^must evaluate to bool or the unknown type, not dyn$/],
    ['device.nothing', /^compilation failed: .*undefined field 'nothing'/],
    [`device.attributes${D}.name.includes("fish")`, /undeclared reference to 'includes'/],
  ]
  for (const [expression, error] of errors) {
    it(`are refused: ${expression}`, () => {
      const compiled = compileDeviceSelector(expression)
      assert.ok('error' in compiled)
      assert.match(compiled.error, error)
    })
  }
})
