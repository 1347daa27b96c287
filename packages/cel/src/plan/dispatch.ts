import type { Implementation, Overload } from '../check/declarations.ts'
import { type CelType, listType } from '../types/type.ts'
import { noSuchOverload } from '../values/error.ts'
import { ListValue } from '../values/list.ts'
import { MapValue } from '../values/map.ts'
import { isInt } from '../values/numbers.ts'
import { typeOf, type Value } from '../values/value.ts'

/** An implementation as the planner calls it. */
export type AnyImplementation = (...args: Value[]) => Value

type Test = ((value: Value) => boolean) | undefined

/** A test whether a value fits a declared type, undefined where every value does. As upstream it looks at one element. */
function runtimeTest(type: CelType): Test {
  switch (type.kind) {
    case 'any':
    case 'dyn':
    case 'typeParam':
      return undefined
    case 'int':
      return isInt
    case 'list':
      return listTest(runtimeTest(type.params[0]!))
    case 'map':
      return mapTest(runtimeTest(type.params[0]!), runtimeTest(type.params[1]!))
    default:
      return value => typeOf(value).name === type.name
  }
}

function listTest(element: Test): (value: Value) => boolean {
  if (element === undefined) return value => value instanceof ListValue
  return value => value instanceof ListValue && (value.size === 0 || element(value.at(0)))
}

function mapTest(key: Test, value: Test): (map: Value) => boolean {
  if (key === undefined && value === undefined) return map => map instanceof MapValue
  return map => {
    if (!(map instanceof MapValue)) return false
    const first = map.keys()[0]
    if (first === undefined) return true
    return (key?.(first) ?? true) && (value?.(map.find(first)!) ?? true)
  }
}

/** Whether what is known of an argument's type makes a test at run time unnecessary. */
export function isCertain(known: CelType | undefined, declared: CelType): boolean {
  if (runtimeTest(declared) === undefined) return true
  return known !== undefined && known.kind === declared.kind && !known.nullable && !isVague(known)
}

const isVague = (type: CelType): boolean =>
  type.kind === 'dyn' ||
  type.kind === 'any' ||
  type.kind === 'typeParam' ||
  type.kind === 'error' ||
  type.params.some(isVague)

/** One function for all overloads that may be meant: it tries them in order. `known` are the arguments' static types. */
export function dispatch(candidates: readonly Overload[], known: readonly (CelType | undefined)[]): AnyImplementation {
  const ready = candidates.filter(candidate => candidate.impl !== undefined).map(withoutElements)
  const only = ready[0]
  if (only === undefined) return () => fail()
  if (ready.length === 1 && only.args.every((arg, index) => isCertain(known[index], arg))) return callable(only.impl!)
  const choices = ready.map(({ args, impl }) => ({ tests: args.map(runtimeTest), impl: callable(impl!) }))
  return (...args) => {
    for (const { tests, impl } of choices) {
      if (tests.every((test, index) => test === undefined || test(args[index]!))) return impl(...args)
    }
    return fail()
  }
}

/** Element types left out where they are not to be tested. */
function withoutElements(candidate: Overload): Overload {
  if (candidate.anyElements !== true) return candidate
  return { ...candidate, args: candidate.args.map(arg => (arg.kind === 'list' ? listType : arg)) }
}

const callable = (impl: Implementation): AnyImplementation => impl as unknown as AnyImplementation

function fail(): never {
  throw noSuchOverload()
}
