import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  QuantityError,
  quantityOf,
  subtractQuantities,
} from '@canopus/apimachinery'
import { func, member, overload } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { typesByName } from '../../stdlib/index.ts'
import { boolType, doubleType, intType, stringType, structType } from '../../types/type.ts'
import { CelError } from '../../values/error.ts'
import { type Int, toInt } from '../../values/numbers.ts'
import { Double, OpaqueValue, type Value } from '../../values/value.ts'

export const quantityType = structType('kubernetes.Quantity')

export class QuantityValue extends OpaqueValue {
  readonly type = quantityType
  readonly quantity: Quantity

  constructor(quantity: Quantity) {
    super()
    this.quantity = quantity
  }

  equals(other: Value): boolean {
    return other instanceof QuantityValue && compareQuantities(this.quantity, other.quantity) === 0
  }
}

function toQuantity(text: string): QuantityValue {
  try {
    return new QuantityValue(parseQuantity(text))
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error
    throw new CelError(error.message)
  }
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text)
    return true
  } catch {
    return false
  }
}

/** The whole number that it is, or undefined where it is none or does not fit 64 bits. */
function integerOf({ quantity: { mantissa, scale } }: QuantityValue): Int | undefined {
  try {
    if (scale >= 0) return toInt(mantissa * 10n ** BigInt(Math.min(scale, 100)))
    const unit = 10n ** BigInt(-scale)
    return mantissa % unit === 0n ? toInt(mantissa / unit) : undefined
  } catch {
    return undefined
  }
}

function asInteger(quantity: QuantityValue): Int {
  const value = integerOf(quantity)
  if (value === undefined) throw new CelError('cannot convert value to integer')
  return value
}

const compare = (a: QuantityValue, b: QuantityValue): number => compareQuantities(a.quantity, b.quantity)
const ofInt = (value: Int): Quantity => quantityOf(value, 'DecimalExponent')
const q = quantityType

/** `quantity('12Mi').isLessThan(...)` and so on. Behaviour: apiserver pkg/cel/library/quantity.go. */
export const quantityLibrary: Library = {
  types: typesByName([quantityType]),
  functions: [
    func('quantity', overload('string_to_quantity', [stringType], q, toQuantity)),
    func('isQuantity', overload('is_quantity_string', [stringType], boolType, isQuantity)),
    func(
      'sign',
      overload('quantity_sign', [q], intType, (a: QuantityValue) => compareQuantities(a.quantity, '0')),
    ),
    func(
      'isGreaterThan',
      member('quantity_is_greater_than', [q, q], boolType, (a: QuantityValue, b: QuantityValue) => compare(a, b) > 0),
    ),
    func(
      'isLessThan',
      member('quantity_is_less_than', [q, q], boolType, (a: QuantityValue, b: QuantityValue) => compare(a, b) < 0),
    ),
    func('compareTo', member('quantity_compare_to', [q, q], intType, compare)),
    func(
      'asApproximateFloat',
      member(
        'quantity_get_float',
        [q],
        doubleType,
        ({ quantity }: QuantityValue) => new Double(Number(`${quantity.mantissa}e${quantity.scale}`)),
      ),
    ),
    func('asInteger', member('quantity_get_int', [q], intType, asInteger)),
    func(
      'isInteger',
      member('quantity_is_integer', [q], boolType, (a: QuantityValue) => integerOf(a) !== undefined),
    ),
    func(
      'add',
      member(
        'quantity_add',
        [q, q],
        q,
        (a: QuantityValue, b: QuantityValue) => new QuantityValue(addQuantities(a.quantity, b.quantity)),
      ),
      member(
        'quantity_add_int',
        [q, intType],
        q,
        (a: QuantityValue, b: Int) => new QuantityValue(addQuantities(a.quantity, ofInt(b))),
      ),
    ),
    func(
      'sub',
      member(
        'quantity_sub',
        [q, q],
        q,
        (a: QuantityValue, b: QuantityValue) => new QuantityValue(subtractQuantities(a.quantity, b.quantity)),
      ),
      member(
        'quantity_sub_int',
        [q, intType],
        q,
        (a: QuantityValue, b: Int) => new QuantityValue(subtractQuantities(a.quantity, ofInt(b))),
      ),
    ),
  ],
}
