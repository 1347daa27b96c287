import type { Expr } from '../ast.ts'
import { type MacroBuilder, MacroError } from './builder.ts'
import { type Macro, variableName } from './macro.ts'

type Quantifier = (build: MacroBuilder, parts: LoopParts, predicate: Expr) => Expr

/** The range and the variables of a loop. */
export interface LoopParts {
  readonly range: Expr
  readonly iterVar: string
  readonly iterVar2?: string
}

/** Expansions of the quantifiers, for one variable and for two. Shapes: cel-go parser/macro.go, ext/comprehensions.go. */
export const quantifiers: Readonly<Record<'all' | 'exists' | 'existsOne', Quantifier>> = {
  all: (build, parts, predicate) =>
    build.loop({
      ...parts,
      accuInit: build.literal(true),
      condition: build.call('@not_strictly_false', build.accu()),
      step: build.call('_&&_', build.accu(), predicate),
      result: build.accu(),
    }),
  exists: (build, parts, predicate) =>
    build.loop({
      ...parts,
      accuInit: build.literal(false),
      condition: build.call('@not_strictly_false', build.call('!_', build.accu())),
      step: build.call('_||_', build.accu(), predicate),
      result: build.accu(),
    }),
  existsOne: (build, parts, predicate) =>
    build.loop({
      ...parts,
      accuInit: build.literal(0),
      condition: build.literal(true),
      step: build.call('_?_:_', predicate, build.call('_+_', build.accu(), build.literal(1)), build.accu()),
      result: build.call('_==_', build.accu(), build.literal(1)),
    }),
}

const quantifier = (name: string, expand: Quantifier): Macro => ({
  name,
  args: 2,
  receiver: true,
  expand(build, target, args) {
    const iterVar = variableName(build, args[0]!, 'argument must be a simple name')
    return expand(build, { range: target!, iterVar }, args[1]!)
  },
})

const has: Macro = {
  name: 'has',
  args: 1,
  receiver: false,
  expand(build, _target, args) {
    const arg = args[0]!
    if (arg.kind !== 'select' || arg.testOnly) throw new MacroError(arg.id, 'invalid argument to has() macro')
    return build.presence(arg.operand, arg.field)
  },
}

/** A loop that appends what `step` makes to a list. */
function collect(build: MacroBuilder, range: Expr, iterVar: string, step: Expr): Expr {
  return build.loop({
    range,
    iterVar,
    accuInit: build.list(),
    condition: build.literal(true),
    step,
    result: build.accu(),
  })
}

const append = (build: MacroBuilder, element: Expr): Expr => build.call('_+_', build.accu(), build.list(element))

const map: Macro = {
  name: 'map',
  args: 2,
  receiver: true,
  expand(build, target, args) {
    return collect(build, target!, variableName(build, args[0]!), append(build, args[1]!))
  },
}

const mapWithFilter: Macro = {
  name: 'map',
  args: 3,
  receiver: true,
  expand(build, target, args) {
    const step = build.call('_?_:_', args[1]!, append(build, args[2]!), build.accu())
    return collect(build, target!, variableName(build, args[0]!), step)
  },
}

const filter: Macro = {
  name: 'filter',
  args: 2,
  receiver: true,
  expand(build, target, args) {
    const iterVar = variableName(build, args[0]!)
    const step = build.call('_?_:_', args[1]!, append(build, args[0]!), build.accu())
    return collect(build, target!, iterVar, step)
  },
}

/** The macros of the language itself. */
export const standardMacros: readonly Macro[] = [
  has,
  quantifier('all', quantifiers.all),
  quantifier('exists', quantifiers.exists),
  quantifier('exists_one', quantifiers.existsOne),
  quantifier('existsOne', quantifiers.existsOne),
  map,
  mapWithFilter,
  filter,
]
