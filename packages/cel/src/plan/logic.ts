import { CelError, noSuchOverload } from '../values/error.ts'
import { OptionalValue, type Value } from '../values/value.ts'
import type { Eval, Frame } from './frame.ts'

/** The error, where it is one of the expression's own. Everything else is thrown on. */
export function asCelError(error: unknown): CelError {
  if (error instanceof CelError) return error
  throw error
}

/** `&&` (`decides` false) and `||` (`decides` true): the side that decides makes the other's error disappear. */
export function planLogical(left: Eval, right: Eval, decides: boolean): Eval {
  return frame => {
    let value: Value
    try {
      value = left(frame)
    } catch (error) {
      return afterError(right, frame, decides, asCelError(error))
    }
    if (value === decides) return decides
    if (value !== !decides) return afterError(right, frame, decides, noSuchOverload())
    const other = right(frame)
    if (other === true || other === false) return other
    throw noSuchOverload()
  }
}

function afterError(right: Eval, frame: Frame, decides: boolean, first: CelError): Value {
  let value: Value
  try {
    value = right(frame)
  } catch (error) {
    asCelError(error)
    throw first
  }
  if (value === decides) return decides
  throw first
}

/** Of a loop's condition: anything but false, even an error, lets the loop go on. */
export function planNotStrictlyFalse(operand: Eval): Eval {
  return frame => {
    frame.cost++
    try {
      return operand(frame) !== false
    } catch (error) {
      asCelError(error)
      return true
    }
  }
}

/** `a.or(b)`: b is looked at only where a is absent. It costs nothing, as upstream. */
export function planOptionalOr(left: Eval, right: Eval): Eval {
  return frame => {
    const value = left(frame)
    if (!(value instanceof OptionalValue)) throw noSuchOverload()
    return value.value === undefined ? right(frame) : value
  }
}

/** `a.orValue(b)`. */
export function planOptionalOrValue(left: Eval, right: Eval): Eval {
  return frame => {
    const value = left(frame)
    if (!(value instanceof OptionalValue)) throw noSuchOverload()
    return value.value === undefined ? right(frame) : value.value
  }
}
