import type { Expr } from '../ast.ts'
import { type FunctionDecl, func, member, overload } from '../check/declarations.ts'
import type { Library } from '../environment.ts'
import { typesByName } from '../stdlib/index.ts'
import { type MacroBuilder, MacroError } from '../syntax/builder.ts'
import type { Macro } from '../syntax/macro.ts'
import { boolType, dynType, intType, listOf, mapOf, optionalOf, stringType, typeParam } from '../types/type.ts'
import { CelError } from '../values/error.ts'
import { ArrayList, type ListValue } from '../values/list.ts'
import { Duration, Timestamp } from '../values/time.ts'
import { Double, ObjectValue, OptionalValue, sizeOf, Uint, type Value } from '../values/value.ts'

const k = typeParam('K')
const v = typeParam('V')
const optional = optionalOf(v)
const list = listOf(v)
const map = mapOf(k, v)
const optionals = listOf(optional)

/** What counts as nothing to `optional.ofNonZeroValue`. */
function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0) return true
  if (value instanceof Double || value instanceof Uint) return Number(value.value) === 0
  if (value instanceof Duration) return value.nanos === 0n
  if (value instanceof Timestamp) return value.seconds === -62_135_596_800 && value.nanos === 0
  if (value instanceof ObjectValue) return value.fields.size === 0
  if (value instanceof OptionalValue) return value.value === undefined || isZero(value.value)
  return sizeOf(value) === 0
}

function contentOf({ value }: OptionalValue): Value {
  if (value === undefined) throw new CelError('optional.none() dereference')
  return value
}

function unwrap(values: ListValue): ListValue {
  const present: Value[] = []
  for (const element of values.toArray()) {
    if (!(element instanceof OptionalValue)) throw new CelError('value is not optional')
    if (element.value !== undefined) present.push(element.value)
  }
  return new ArrayList(present)
}

const functions: readonly FunctionDecl[] = [
  func(
    'optional.of',
    overload('optional_of', [v], optional, (value: Value) => new OptionalValue(value)),
  ),
  func(
    'optional.ofNonZeroValue',
    overload('optional_ofNonZeroValue', [v], optional, (value: Value) =>
      isZero(value) ? OptionalValue.none : new OptionalValue(value),
    ),
  ),
  func(
    'optional.none',
    overload('optional_none', [], optional, () => OptionalValue.none),
  ),
  func('value', member('optional_value', [optional], v, contentOf)),
  func(
    'hasValue',
    member('optional_hasValue', [optional], boolType, ({ value }: OptionalValue) => value !== undefined),
  ),
  func('or', member('optional_or_optional', [optional, optional], optional)),
  func('orValue', member('optional_orValue_value', [optional, v], v)),
  func('_?._', overload('select_optional_field', [dynType, stringType], optional)),
  func(
    '_[?_]',
    overload('list_optindex_optional_int', [list, intType], optional),
    overload('optional_list_optindex_optional_int', [optionalOf(list), intType], optional),
    overload('map_optindex_optional_value', [map, k], optional),
    overload('optional_map_optindex_optional_value', [optionalOf(map), k], optional),
  ),
  func(
    '_[_]',
    overload('optional_list_index_int', [optionalOf(list), intType], optional),
    overload('optional_map_index_value', [optionalOf(map), k], optional),
  ),
  func(
    'last',
    member('list_last', [list], optional, (values: ListValue) =>
      values.size === 0 ? OptionalValue.none : new OptionalValue(values.at(values.size - 1)),
    ),
  ),
  func(
    'first',
    member('list_first', [list], optional, (values: ListValue) =>
      values.size === 0 ? OptionalValue.none : new OptionalValue(values.at(0)),
    ),
  ),
  func('optional.unwrap', overload('optional_unwrap', [optionals], list, unwrap)),
  func('unwrapOpt', member('optional_unwrapOpt', [optionals], list, unwrap)),
]

/** `a.optMap(name, expression)`: what the expression makes of the value, where there is one. */
function optionalMap(name: string, wrap: (build: MacroBuilder, mapped: Expr) => Expr): Macro {
  return {
    name,
    args: 2,
    receiver: true,
    expand(build, target, args) {
      const variable = args[0]!
      if (variable.kind !== 'ident') {
        throw new MacroError(variable.id, `${name}() variable name must be a simple identifier`)
      }
      const mapped = build.loop({
        range: build.list(),
        iterVar: '#unused',
        accuVar: variable.name,
        accuInit: build.memberCall('value', build.copy(target!)),
        condition: build.literal(false),
        step: build.ident(variable.name),
        result: args[1]!,
      })
      return build.call(
        '_?_:_',
        build.memberCall('hasValue', target!),
        wrap(build, mapped),
        build.call('optional.none'),
      )
    },
  }
}

/** Optional values. Behaviour: cel-go cel/library.go, version 2. */
export const optionalsLibrary: Library = {
  functions,
  macros: [
    optionalMap('optMap', (build, mapped) => build.call('optional.of', mapped)),
    optionalMap('optFlatMap', (_, mapped) => mapped),
  ],
  types: typesByName([optional]),
}
