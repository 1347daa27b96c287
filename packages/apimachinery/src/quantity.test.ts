import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  milliQuantityOf,
  milliValue,
  parseQuantity,
  quantityOf,
  quantityValue,
  scaledQuantity,
  subtractQuantities,
} from './quantity.ts'

test('quantities print in canonical form', () => {
  const cases: [text: string, canonical: string][] = [
    ['0', '0'],
    ['0Gi', '0'],
    ['0m', '0'],
    ['-0', '0'],
    ['.', '0'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['-0.5', '-500m'],
    ['1.5', '1500m'],
    ['1000', '1k'],
    ['1000m', '1'],
    ['100m', '100m'],
    ['1024', '1024'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['1025Ki', '1025Ki'],
    ['1.1Ki', '1126400m'],
    ['0.0001Ki', '102400u'],
    ['1000Ki', '1000Ki'],
    ['1048576Ki', '1Gi'],
    ['12e6', '12e6'],
    ['1000e0', '1e3'],
    ['1e3', '1e3'],
    ['12E2', '1200'],
    ['1e-3', '1e-3'],
    ['1E', '1E'],
    ['1500E', '1500E'],
    ['0.1m', '100u'],
    ['0.0000000001', '1n'],
    ['-0.0000000001', '-1n'],
    ['1e-2000000000', '1e-9'],
    ['9223372036854775808Gi', '9223372036854775807'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
  ]
  for (const [text, canonical] of cases) assert.equal(canonicalQuantity(text), canonical, text)
})

test('what is no quantity is refused in upstream words', () => {
  const format = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
  const cases: [text: string, message: string][] = [
    ['', format],
    ['1 Gi', format],
    ['1.2.3', format],
    ['abc', format],
    ['1Gi1Gi', format],
    ['1i', "unable to parse quantity's suffix"],
    ['1mm', "unable to parse quantity's suffix"],
    ['1Gi5', "unable to parse quantity's suffix"],
    ['1e', "unable to parse quantity's suffix"],
  ]
  for (const [text, message] of cases)
    assert.throws(() => parseQuantity(text), { name: 'QuantityError', message }, text)
})

test('values round away from zero', () => {
  const cases: [text: string, value: number, milli: number][] = [
    ['1', 1, 1000],
    ['100m', 1, 100],
    ['1500m', 2, 1500],
    ['1.0001', 2, 1001],
    ['-1500m', -2, -1500],
    ['1Ki', 1024, 1024000],
    ['128Mi', 134217728, 134217728000],
    ['1e3', 1000, 1e6],
    ['1u', 1, 1],
    ['8Ei', 2 ** 63, 2 ** 63 * 1000],
  ]
  for (const [text, value, milli] of cases) {
    assert.equal(quantityValue(text), value, text)
    assert.equal(milliValue(text), milli, text)
  }
})

test('quantities of any format compare by amount', () => {
  assert.equal(compareQuantities('1Gi', '1024Mi'), 0)
  assert.equal(compareQuantities('1G', '1Gi'), -1)
  assert.equal(compareQuantities('500m', '0.5'), 0)
  assert.equal(compareQuantities('-1', '0'), -1)
  assert.equal(compareQuantities('1e2147483647', '1'), 1)
  assert.equal(compareQuantities('-1e2147483647', '1n'), -1)
})

test('sums keep the format of the first that is not zero', () => {
  assert.equal(formatQuantity(addQuantities('1Gi', '1G')), '2073741824')
  assert.equal(formatQuantity(addQuantities('0', '1Gi')), '1Gi')
  assert.equal(formatQuantity(addQuantities('500m', '1')), '1500m')
  assert.equal(formatQuantity(subtractQuantities('2Gi', '1Gi')), '1Gi')
  assert.equal(formatQuantity(subtractQuantities('1', '1')), '0')
  assert.equal(formatQuantity(quantityOf(2048, 'BinarySI')), '2Ki')
  assert.equal(formatQuantity(milliQuantityOf(1500)), '1500m')
})

const anyQuantity = fc
  .tuple(
    fc.constantFrom('', '-', '+'),
    fc.nat(),
    fc.option(fc.nat(9999)),
    fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'T', 'P', 'Ki', 'Mi', 'Gi', 'Ti', 'e3', 'E-2'),
  )
  .map(([sign, whole, fraction, suffix]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${suffix}`)

test('the canonical form is the same amount and canonical itself', () => {
  fc.assert(
    fc.property(anyQuantity, text => {
      const canonical = canonicalQuantity(text)
      assert.equal(compareQuantities(canonical, text), 0)
      assert.equal(canonicalQuantity(canonical), canonical)
    }),
  )
})

test('the fast path answers what exact arithmetic answers', () => {
  fc.assert(
    fc.property(anyQuantity, text => {
      assert.equal(quantityValue(text), Number(scaledQuantity(parseQuantity(text), 0)))
      assert.equal(milliValue(text), Number(scaledQuantity(parseQuantity(text), -3)))
    }),
  )
})

test('endless texts do not cost endless time', () => {
  assert.throws(() => parseQuantity(`${'0'.repeat(1_000_000)}x`), { name: 'QuantityError' })
  assert.equal(canonicalQuantity(`1${'0'.repeat(1000)}`).slice(-3), '00E')
})
