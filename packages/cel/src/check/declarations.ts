import type { CelType } from '../types/type.ts'
import type { Value } from '../values/value.ts'
import type { CallCost, CallEstimator } from './cost-types.ts'

/** What a function does with its arguments (the target first). It throws CelError where it fails. */
export type Implementation = (...args: never[]) => Value

/** One signature of a function. */
export interface Overload {
  /** Unique in an environment; costs are looked up by it. */
  readonly id: string
  /** Whether it is called as `target.name(...)`; the target is then the first of `args`. */
  readonly member: boolean
  readonly args: readonly CelType[]
  readonly result: CelType
  /** Left out where the planner knows the function itself, such as `&&`. */
  readonly impl?: Implementation
  /** The cost of a call before it is known with what; instead of what the environment says of the function. */
  readonly estimate?: CallEstimator
  /** The cost of a call that was made. */
  readonly cost?: CallCost
  /** The argument that is a regular expression: a constant one is compiled with the program. */
  readonly patternArg?: number
  /** What is in lists and maps is not looked at before the call: the implementation can take anything. */
  readonly anyElements?: boolean
}

export interface FunctionDecl {
  readonly name: string
  readonly overloads: readonly Overload[]
}

/** A signature called as `name(args)`. */
export const overload = (
  id: string,
  args: readonly CelType[],
  result: CelType,
  impl?: Implementation,
  more?: Partial<Overload>,
): Overload => ({ id, member: false, args, result, ...(impl && { impl }), ...more })

/** A signature called as `args[0].name(args[1], ...)`. */
export const member = (
  id: string,
  args: readonly CelType[],
  result: CelType,
  impl?: Implementation,
  more?: Partial<Overload>,
): Overload => ({ id, member: true, args, result, ...(impl && { impl }), ...more })

export const func = (name: string, ...overloads: Overload[]): FunctionDecl => ({ name, overloads })

/**
 * Describes object types by name. One provider may stand for the schema of a custom resource, another for a built-in kind's.
 * Field names are those that expressions use: escaped, see `escapeFieldName`.
 */
export interface TypeProvider {
  /** The type with this full name, or undefined. */
  findType(name: string): CelType | undefined
  /** The type of a field of an object type that it knows. */
  findField(typeName: string, field: string): CelType | undefined
  /** Makes `Type{field: value}`. Throws CelError. Left out where objects cannot be made. */
  newObject?(typeName: string, fields: ReadonlyMap<string, Value>): Value
  /** A constant with a full name, such as an enum's value. */
  findConstant?(name: string): Value | undefined
}

/** Asks one provider after the other. */
export function joinProviders(providers: readonly TypeProvider[]): TypeProvider {
  return {
    findType: name => firstOf(providers, provider => provider.findType(name)),
    findField: (typeName, field) => firstOf(providers, provider => provider.findField(typeName, field)),
    findConstant: name => firstOf(providers, provider => provider.findConstant?.(name)),
    newObject(typeName, fields) {
      const owner = providers.find(
        provider => provider.newObject !== undefined && provider.findType(typeName) !== undefined,
      )
      if (owner?.newObject === undefined) throw new Error(`type ${typeName} cannot be made`)
      return owner.newObject(typeName, fields)
    },
  }
}

function firstOf<T>(providers: readonly TypeProvider[], ask: (provider: TypeProvider) => T | undefined): T | undefined {
  for (const provider of providers) {
    const answer = ask(provider)
    if (answer !== undefined) return answer
  }
  return undefined
}
