import { noSuchOverload } from '../values/error.ts'
import { OptionalValue, type Value } from '../values/value.ts'
import { access, accessIfPresent, isPresent } from './access.ts'
import type { Eval, Frame } from './frame.ts'

/** A step from a value to something in it. */
export type Qualifier =
  | { readonly kind: 'field'; readonly key: Value; readonly optional: boolean }
  | { readonly kind: 'index'; readonly key: Eval; readonly optional: boolean }
  | { readonly kind: 'test'; readonly field: string }

/**
 * A value and steps into it. `cost` is what looking at it costs besides the steps, each of which costs 1. The steps behind
 * a conditional are taken in the branch that was chosen.
 */
export type Attribute =
  | {
      readonly kind: 'path'
      readonly base: Eval
      readonly cost: number
      readonly steps: readonly Qualifier[]
      /** The base may turn out to be an optional. */
      readonly mayBeOptional: boolean
    }
  | { readonly kind: 'conditional'; readonly test: Eval; readonly truthy: Attribute; readonly falsy: Attribute }

/** The attribute with one more step. */
export function withStep(attribute: Attribute, step: Qualifier): Attribute {
  if (attribute.kind === 'path') return { ...attribute, steps: [...attribute.steps, step] }
  return { ...attribute, truthy: withStep(attribute.truthy, step), falsy: withStep(attribute.falsy, step) }
}

/** Looks at the attribute as a value of its own. */
export function evalAttribute(attribute: Attribute): Eval {
  if (attribute.kind === 'conditional') return resolveAttribute(attribute)
  const { cost } = attribute
  const tests = attribute.steps.at(-1)?.kind === 'test'
  return resolveWithCost(attribute, tests ? cost - 1 : cost)
}

/** Looks at it as part of something else, which is what its own cost then belongs to. */
export function resolveAttribute(attribute: Attribute): Eval {
  if (attribute.kind === 'path') return resolveWithCost(attribute, 0)
  const { test } = attribute
  const truthy = resolveAttribute(attribute.truthy)
  const falsy = resolveAttribute(attribute.falsy)
  return frame => {
    const choice = test(frame)
    if (choice === true) return truthy(frame)
    if (choice === false) return falsy(frame)
    throw noSuchOverload()
  }
}

function resolveWithCost(attribute: Attribute & { kind: 'path' }, cost: number): Eval {
  const { base, steps } = attribute
  if (steps.length === 0) return cost === 0 ? base : chargeFor(base, cost)
  if (attribute.mayBeOptional || steps.some(step => step.kind !== 'test' && step.optional)) {
    return resolveOptional(base, steps, cost)
  }
  const walk = steps.map(compileStep)
  if (walk.length === 1) {
    const first = walk[0]!
    return frame => {
      frame.cost += cost
      return first(base(frame), frame)
    }
  }
  if (walk.length === 2) {
    const [first, second] = walk as [Step, Step]
    return frame => {
      frame.cost += cost
      return second(first(base(frame), frame), frame)
    }
  }
  return frame => {
    frame.cost += cost
    let value = base(frame)
    for (const step of walk) value = step(value, frame)
    return value
  }
}

function chargeFor(base: Eval, cost: number): Eval {
  return frame => {
    frame.cost += cost
    return base(frame)
  }
}

/** Takes a step and charges for it, also where there is nothing. */
type Step = (value: Value, frame: Frame) => Value

function compileStep(step: Qualifier): Step {
  if (step.kind === 'test') {
    const { field } = step
    return (value, frame) => {
      frame.cost++
      return isPresent(value, field)
    }
  }
  const { key } = step
  if (typeof key === 'function') {
    return (value, frame) => {
      const index = key(frame)
      frame.cost++
      return access(value, index)
    }
  }
  return (value, frame) => {
    frame.cost++
    return access(value, key)
  }
}

/** From the first optional step on, what is missing makes the whole absent; the result is an optional. */
function resolveOptional(base: Eval, steps: readonly Qualifier[], cost: number): Eval {
  return frame => {
    frame.cost += cost
    let value = base(frame)
    let optional = false
    if (value instanceof OptionalValue) {
      if (value.value === undefined) return lastTests(steps) ? false : value
      value = value.value
      optional = true
    }
    for (const step of steps) {
      if (step.kind === 'test') {
        frame.cost++
        return isPresent(value, step.field)
      }
      const key = typeof step.key === 'function' ? step.key(frame) : step.key
      optional ||= step.optional
      if (!optional) frame.cost++
      const next = optional ? accessIfPresent(value, key) : access(value, key)
      if (next === undefined) return lastTests(steps) ? false : OptionalValue.none
      // Of an optional step, upstream only sees those that led somewhere.
      if (optional) frame.cost++
      value = next
    }
    return optional ? new OptionalValue(value) : value
  }
}

const lastTests = (steps: readonly Qualifier[]): boolean => steps.at(-1)?.kind === 'test'
