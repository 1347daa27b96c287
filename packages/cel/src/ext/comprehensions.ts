import type { Expr } from '../ast.ts'
import { func, overload } from '../check/declarations.ts'
import type { Library } from '../environment.ts'
import { GrowingMap } from '../plan/fold.ts'
import { type MacroBuilder, MacroError } from '../syntax/builder.ts'
import { type Macro, variableName } from '../syntax/macro.ts'
import { type LoopParts, quantifiers } from '../syntax/standard-macros.ts'
import { mapOf, typeParam } from '../types/type.ts'
import { CelError } from '../values/error.ts'
import { EntryMap, type MapValue } from '../values/map.ts'
import type { Value } from '../values/value.ts'

const k = typeParam('K')
const v = typeParam('V')
const map = mapOf(k, v)

/** The map with one more entry. A loop's own map grows in place: nobody else has seen it. */
function insert(target: MapValue, key: Value, value: Value): MapValue {
  if (target.has(key)) throw new CelError(`insert failed: key ${String(key)} already exists`)
  const grown = target instanceof GrowingMap ? target : EntryMap.of(target.keys().map(old => [old, target.find(old)!]))
  grown.put(key, value)
  return grown
}

function insertAll(target: MapValue, more: MapValue): MapValue {
  return more.keys().reduce<MapValue>((grown, key) => insert(grown, key, more.find(key)!), target)
}

function variables(build: MacroBuilder, target: Expr, args: readonly Expr[]): LoopParts {
  const [iterVar, iterVar2] = args.slice(0, 2).map(arg => variableName(build, arg, 'argument must be a simple name'))
  if (iterVar === iterVar2) throw new MacroError(args[1]!.id, `duplicate variable name: ${iterVar}`)
  return { range: target, iterVar: iterVar!, iterVar2: iterVar2! }
}

function quantifier(name: string, kind: keyof typeof quantifiers): Macro {
  return {
    name,
    args: 3,
    receiver: true,
    expand: (build, target, args) => quantifiers[kind](build, variables(build, target!, args), args[2]!),
  }
}

/** `target.name(key, value, [filter,] transform)`, which adds something to an accumulator in each round. */
function transform(
  name: string,
  start: (build: MacroBuilder) => Expr,
  step: (build: MacroBuilder, parts: LoopParts, transformed: Expr) => Expr,
): Macro[] {
  return [3, 4].map(
    (args): Macro => ({
      name,
      args,
      receiver: true,
      expand(build, target, given) {
        const parts = variables(build, target!, given)
        const added = step(build, parts, given.at(-1)!)
        return build.loop({
          ...parts,
          accuInit: start(build),
          condition: build.literal(true),
          step: args === 3 ? added : build.call('_?_:_', given[2]!, added, build.accu()),
          result: build.accu(),
        })
      },
    }),
  )
}

/** Macros with two variables. Behaviour: cel-go ext/comprehensions.go. */
export const twoVariableLibrary: Library = {
  macros: [
    quantifier('all', 'all'),
    quantifier('exists', 'exists'),
    quantifier('existsOne', 'existsOne'),
    quantifier('exists_one', 'existsOne'),
    ...transform(
      'transformList',
      build => build.list(),
      (build, _, transformed) => build.call('_+_', build.accu(), build.list(transformed)),
    ),
    ...transform(
      'transformMap',
      build => build.map(),
      (build, { iterVar }, transformed) =>
        build.call('cel.@mapInsert', build.accu(), build.ident(iterVar), transformed),
    ),
    ...transform(
      'transformMapEntry',
      build => build.map(),
      (build, _, transformed) => build.call('cel.@mapInsert', build.accu(), transformed),
    ),
  ],
  functions: [
    func(
      'cel.@mapInsert',
      overload('@mapInsert_map_key_value', [map, k, v], map, insert),
      overload('@mapInsert_map_map', [map, map], map, insertAll),
    ),
  ],
}
