import { CelError } from '../values/error.ts'
import type { Value } from '../values/value.ts'
import type { AnyImplementation } from './dispatch.ts'
import type { Eval, Frame } from './frame.ts'
import { asCelError } from './logic.ts'

/** What a call costs: always the same, or by what it was called with and what came out. */
export type InvocationCost = number | ((args: readonly Value[], result: Value) => number)

/** In costs, a value that could not be had counts as something small. */
const FAILED: Value = null

/**
 * A call of a known function. As upstream, a call with one or two arguments costs something even if an argument fails, and
 * the other argument is looked at nevertheless: costs must agree to the unit where errors are swallowed by `||`.
 */
export function planInvocation(impl: AnyImplementation, args: readonly Eval[], cost: InvocationCost): Eval {
  const [first, second] = args
  const charge = typeof cost === 'number' ? fixedCharge(cost) : variableCharge(cost)
  switch (args.length) {
    case 1:
      return frame => {
        let value: Value
        try {
          value = first!(frame)
        } catch (error) {
          charge(frame, [FAILED], FAILED)
          throw error
        }
        return finish(impl, frame, [value], charge)
      }
    case 2:
      return planBinary(impl, first!, second!, cost, charge)
    default:
      return frame => {
        const values = args.map(arg => arg(frame))
        return finish(impl, frame, values, charge)
      }
  }
}

type Charge = (frame: Frame, args: readonly Value[], result: Value) => void

const fixedCharge =
  (cost: number): Charge =>
  frame => {
    frame.cost += cost
  }

const variableCharge =
  (cost: (args: readonly Value[], result: Value) => number): Charge =>
  (frame, args, result) =>
    frame.charge(cost(args, result))

function finish(impl: AnyImplementation, frame: Frame, args: readonly Value[], charge: Charge): Value {
  let result: Value
  try {
    result = impl(...args)
  } catch (error) {
    if (error instanceof CelError) charge(frame, args, FAILED)
    throw error
  }
  charge(frame, args, result)
  return result
}

function planBinary(impl: AnyImplementation, first: Eval, second: Eval, cost: InvocationCost, charge: Charge): Eval {
  return frame => {
    let left: Value
    try {
      left = first(frame)
    } catch (error) {
      const failure = asCelError(error)
      charge(frame, [FAILED, valueOrFailed(second, frame)], FAILED)
      throw failure
    }
    let right: Value
    try {
      right = second(frame)
    } catch (error) {
      const failure = asCelError(error)
      charge(frame, [left, FAILED], FAILED)
      throw failure
    }
    if (typeof cost !== 'number') return finish(impl, frame, [left, right], charge)
    frame.cost += cost
    return impl(left, right)
  }
}

function valueOrFailed(run: Eval, frame: Frame): Value {
  try {
    return run(frame)
  } catch (error) {
    asCelError(error)
    return FAILED
  }
}
