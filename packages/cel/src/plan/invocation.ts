import type { Value } from '../values/value.ts'
import type { AnyImplementation } from './dispatch.ts'
import type { Eval } from './frame.ts'

/** A call of a known function; the result's cost is known only when it is there. */
export function planInvocation(impl: AnyImplementation, args: readonly Eval[], cost: InvocationCost): Eval {
  if (typeof cost !== 'number') {
    return frame => {
      const values = args.map(arg => arg(frame))
      const result = impl(...values)
      frame.charge(cost(values, result))
      return result
    }
  }
  const [first, second] = args
  if (args.length === 1) {
    return frame => {
      frame.cost += cost
      return impl(first!(frame))
    }
  }
  if (args.length === 2) {
    return frame => {
      frame.cost += cost
      return impl(first!(frame), second!(frame))
    }
  }
  return frame => {
    frame.cost += cost
    return impl(...args.map(arg => arg(frame)))
  }
}

type InvocationCost = number | ((args: readonly Value[], result: Value) => number)
