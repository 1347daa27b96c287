import {
  ACCUMULATOR,
  type Ast,
  type Call,
  type CheckedAst,
  type Comprehension,
  type Expr,
  type Reference,
  type Select,
} from '../ast.ts'
import { dottedName } from '../check/checker.ts'
import { LIST_CREATE_COST, MAP_CREATE_COST, STRUCT_CREATE_COST } from '../check/cost-types.ts'
import type { FunctionDecl, Overload, TypeProvider } from '../check/declarations.ts'
import { candidateNames } from '../check/scope.ts'
import { compilePattern } from '../stdlib/regex.ts'
import { type CelType, isDyn, isOptionalType } from '../types/type.ts'
import { equals } from '../values/equality.ts'
import { CelError } from '../values/error.ts'
import { ArrayList } from '../values/list.ts'
import { EntryMap, keyForm } from '../values/map.ts'
import { Double, OptionalValue, type Value } from '../values/value.ts'
import { type Attribute, evalAttribute, type Qualifier, resolveAttribute, withStep } from './attribute.ts'
import { type CallCosts, equalityCost } from './call-cost.ts'
import { type AnyImplementation, dispatch } from './dispatch.ts'
import { planFold, readAccumulator } from './fold.ts'
import type { Eval } from './frame.ts'
import { planInvocation } from './invocation.ts'
import { planLogical, planNotStrictlyFalse, planOptionalOr, planOptionalOrValue } from './logic.ts'
import { setMembership } from './membership.ts'
import { type PlanNode, toEval } from './node.ts'

/** What the planner needs of an environment. */
export interface PlanContext {
  readonly container: string
  readonly functions: ReadonlyMap<string, FunctionDecl>
  readonly provider: TypeProvider
  readonly costs: CallCosts
  /** Whether `has` costs 1, see `EnvironmentOptions`. */
  readonly presenceTestHasCost: boolean
  /** Whether literals of constants, and conversions of them, are made once and cost nothing. */
  readonly foldConstants: boolean
}

/** A planned expression: what to run, and what it asks for. */
export interface Plan {
  readonly eval: Eval
  /** Names of variables from outside, in the order of `Frame.globals`. */
  readonly globals: readonly string[]
  /** How many places `Frame.locals` has. */
  readonly locals: number
}

/** The expression can be read, but not be run: a constant in it is wrong. */
export class PlanError extends Error {}

/** Turns an expression into functions. Shape and costs: cel-go interpreter/planner.go, decorators.go, runtimecost.go. */
export function plan(ast: Ast | CheckedAst, context: PlanContext): Plan {
  const planner = new Planner(ast, context)
  try {
    const run = planner.evalOf(ast.expr)
    return { eval: run, globals: [...planner.globals.keys()], locals: planner.locals }
  } catch (error) {
    if (error instanceof CelError) throw new PlanError(error.message)
    throw error
  }
}

const conversions = new Set([
  'bool',
  'bytes',
  'double',
  'dyn',
  'duration',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
])

class Planner {
  readonly globals = new Map<string, number>()
  locals = 0
  readonly #types: ReadonlyMap<number, CelType>
  readonly #references: ReadonlyMap<number, Reference>
  readonly #checked: boolean
  readonly #context: PlanContext
  /** Readers of the loops' variables in sight, innermost last. */
  readonly #scope: { name: string; read: Eval }[] = []

  constructor(ast: Ast | CheckedAst, context: PlanContext) {
    this.#checked = 'types' in ast
    this.#types = 'types' in ast ? ast.types : new Map()
    this.#references = 'references' in ast ? ast.references : new Map()
    this.#context = context
  }

  evalOf(expr: Expr): Eval {
    return toEval(this.#plan(expr))
  }

  #plan(expr: Expr): PlanNode {
    switch (expr.kind) {
      case 'literal':
        return { kind: 'const', value: expr.value }
      case 'ident':
        return this.#ident(expr.id, expr.name)
      case 'select':
        return this.#select(expr)
      case 'call':
        return this.#call(expr)
      case 'list':
        return this.#list(expr.elements, expr.optional)
      case 'map':
        return this.#map(expr)
      case 'struct':
        return this.#struct(expr)
      case 'comprehension':
        return { kind: 'other', eval: this.#comprehension(expr) }
    }
  }

  #ident(id: number, name: string): PlanNode {
    const reference = this.#references.get(id)
    if (reference?.kind === 'ident') {
      if (reference.value !== undefined) return { kind: 'const', value: reference.value }
      return reference.local ? this.#local(name, id)! : this.#global(id, reference.name)
    }
    return this.#local(name, id) ?? this.#unchecked(name) ?? this.#global(id, name.replace(/^\./, ''))
  }

  #local(name: string, id = 0): PlanNode | undefined {
    const found = this.#scope.findLast(local => local.name === name)
    return found && path(found.read, this.#mayBeOptional(id))
  }

  /** Without the checker's help, a name may still be that of a type or a constant. */
  #unchecked(name: string): PlanNode | undefined {
    for (const candidate of candidateNames(this.#context.container, name)) {
      const value = this.#context.provider.findConstant?.(candidate) ?? this.#context.provider.findType(candidate)
      if (value !== undefined) return { kind: 'const', value }
    }
    return undefined
  }

  #global(id: number, name: string): PlanNode {
    const names = this.#checked ? [name] : candidateNames(this.#context.container, name)
    const indices = names.map(candidate => this.#globalIndex(candidate))
    return path(frame => {
      for (const index of indices) {
        const value = frame.globals[index]
        if (value !== undefined) return value
      }
      throw new CelError(`no such attribute(s): ${names.join(', ')}`)
    }, this.#mayBeOptional(id))
  }

  #globalIndex(name: string): number {
    const known = this.globals.get(name)
    if (known !== undefined) return known
    this.globals.set(name, this.globals.size)
    return this.globals.size - 1
  }

  #select(expr: Select): PlanNode {
    const reference = this.#references.get(expr.id)
    if (reference?.kind === 'ident') return this.#ident(expr.id, reference.name)
    if (!this.#checked && !expr.testOnly) {
      const name = dottedName(expr)
      const constant = name === undefined || this.#local(name.split('.')[0]!) ? undefined : this.#unchecked(name)
      if (constant !== undefined) return constant
    }
    if (expr.testOnly) {
      const tested = withStep(this.#attribute(expr.operand), { kind: 'test', field: expr.field })
      if (!this.#context.presenceTestHasCost) return { kind: 'attribute', attribute: tested }
      const run = evalAttribute(tested)
      return other(frame => {
        frame.cost++
        return run(frame)
      })
    }
    const step: Qualifier = { kind: 'field', key: expr.field, optional: false }
    return { kind: 'attribute', attribute: withStep(this.#attribute(expr.operand), step) }
  }

  /** The expression as something that steps can be added to. */
  #attribute(expr: Expr): Attribute {
    return this.#asAttribute(this.#plan(expr), expr)
  }

  #asAttribute(node: PlanNode, expr: Expr): Attribute {
    if (node.kind === 'attribute') return node.attribute
    return pathOf(toEval(node), this.#mayBeOptional(expr.id), 1)
  }

  #mayBeOptional(id: number): boolean {
    const type = this.#types.get(id)
    return type === undefined || isDyn(type) || isOptionalType(type)
  }

  #call(expr: Call): PlanNode {
    const reference = this.#references.get(expr.id)
    const resolved = reference?.kind === 'call' ? this.#resolved(expr, reference) : this.#guessed(expr)
    const { name, operands, overloads } = resolved
    switch (name) {
      case '_&&_':
      case '_||_':
        return other(planLogical(this.evalOf(operands[0]!), this.evalOf(operands[1]!), name === '_||_'))
      case '_?_:_':
        return { kind: 'attribute', attribute: this.#conditional(operands) }
      case '_==_':
      case '_!=_':
        return other(this.#equality(operands, name === '_!=_'))
      case '_[_]':
        return this.#index(operands, false)
      case '_[?_]':
      case '_?._':
        return this.#index(operands, true)
      case '@not_strictly_false':
        return other(planNotStrictlyFalse(this.evalOf(operands[0]!)))
      case 'or':
      case 'orValue': {
        if (!overloads.some(({ id }) => id.startsWith('optional_or'))) break
        const join = name === 'or' ? planOptionalOr : planOptionalOrValue
        return other(join(this.evalOf(operands[0]!), this.evalOf(operands[1]!)))
      }
    }
    return this.#function(name, operands, overloads)
  }

  #resolved(expr: Call, reference: Reference & { kind: 'call' }): ResolvedCall {
    const operands = expr.target === undefined || reference.namespaced ? expr.args : [expr.target, ...expr.args]
    const all = this.#context.functions.get(reference.name)?.overloads ?? []
    return { name: reference.name, operands, overloads: all.filter(({ id }) => reference.overloads.includes(id)) }
  }

  /** Which function an unchecked call may mean. */
  #guessed(expr: Call): ResolvedCall {
    const find = (name: string): FunctionDecl | undefined =>
      firstDefined(
        candidateNames(this.#context.container, name).map(candidate => this.#context.functions.get(candidate)),
      )
    const prefix = expr.target === undefined ? undefined : dottedName(expr.target)
    const namespaced = prefix === undefined ? undefined : find(`${prefix}.${expr.name}`)
    if (expr.target === undefined || namespaced !== undefined) {
      const found = namespaced ?? find(expr.name)
      return { name: found?.name ?? expr.name, operands: expr.args, overloads: fitting(found, expr.args.length, false) }
    }
    const operands = [expr.target, ...expr.args]
    return { name: expr.name, operands, overloads: fitting(find(expr.name), operands.length, true) }
  }

  #conditional([test, truthy, falsy]: readonly Expr[]): Attribute {
    return {
      kind: 'conditional',
      test: this.evalOf(test!),
      truthy: this.#branch(truthy!),
      falsy: this.#branch(falsy!),
    }
  }

  #branch(expr: Expr): Attribute {
    const node = this.#plan(expr)
    return node.kind === 'attribute' ? node.attribute : pathOf(toEval(node), this.#mayBeOptional(expr.id), 0)
  }

  #equality([left, right]: readonly Expr[], negated: boolean): Eval {
    // Upstream's libraries give `==` a cost of their own for some types, and `!=` none.
    const special = negated ? undefined : this.#context.costs.byFunction.get('_==_')
    const call = { name: '_==_', overload: 'equals' }
    const impl = negated ? (x: Value, y: Value) => !equals(x, y) : equals
    const cost = ([x, y]: readonly Value[], result: Value): number =>
      special?.(call, [x!, y!], result) ?? equalityCost(x!, y!)
    return planInvocation(impl as AnyImplementation, [this.evalOf(left!), this.evalOf(right!)], cost)
  }

  #index([container, key]: readonly Expr[], optional: boolean): PlanNode {
    const attribute = this.#attribute(container!)
    const node = this.#plan(key!)
    const step: Qualifier =
      node.kind === 'const'
        ? { kind: 'field', key: node.value, optional }
        : { kind: 'index', key: node.kind === 'attribute' ? resolveAttribute(node.attribute) : node.eval, optional }
    return { kind: 'attribute', attribute: withStep(attribute, step) }
  }

  #function(name: string, operands: readonly Expr[], overloads: readonly Overload[]): PlanNode {
    const nodes = operands.map(operand => this.#plan(operand))
    const known = operands.map(operand => this.#types.get(operand.id))
    for (const { patternArg } of overloads) {
      const pattern = patternArg === undefined ? undefined : nodes[patternArg]
      if (pattern?.kind === 'const' && typeof pattern.value === 'string') compilePattern(pattern.value)
    }
    if (overloads.length === 1 && overloads[0]!.id === 'in_list') {
      const membership = setMembership(nodes[0]!, nodes[1]!)
      if (membership !== undefined) return membership
    }
    const impl = dispatch(overloads, known)
    if (this.#context.foldConstants && conversions.has(name) && nodes.length === 1 && nodes[0]!.kind === 'const') {
      return { kind: 'const', value: impl(nodes[0]!.value) }
    }
    const id = overloads.length === 1 ? overloads[0]!.id : ''
    const cost = this.#context.costs.of(name, id, overloads)
    return other(planInvocation(impl, nodes.map(toEval), cost))
  }

  #list(elements: readonly Expr[], optional: readonly number[]): PlanNode {
    const nodes = elements.map(element => this.#plan(element))
    const constants = constantsOf(nodes)
    if (this.#context.foldConstants && constants !== undefined && optional.length === 0)
      return { kind: 'const', value: new ArrayList(constants) }
    const evals = nodes.map(toEval)
    return other(frame => {
      frame.cost += LIST_CREATE_COST
      const values: Value[] = []
      for (let i = 0; i < evals.length; i++) {
        const value = evals[i]!(frame)
        if (!optional.includes(i)) values.push(value)
        else if (!(value instanceof OptionalValue)) throw notOptional('list element')
        else if (value.value !== undefined) values.push(value.value)
      }
      return new ArrayList(values)
    })
  }

  #map({ entries }: Expr & { kind: 'map' }): PlanNode {
    const keys = entries.map(entry => this.#plan(entry.key))
    const values = entries.map(entry => this.#plan(entry.value))
    const constantKeys = constantsOf(keys)
    const constantValues = constantsOf(values)
    const foldable = this.#context.foldConstants && !entries.some(entry => entry.optional)
    if (foldable && constantKeys !== undefined && constantValues !== undefined) {
      return this.#constantMap(constantKeys, constantValues)
    }
    const pairs = entries.map((entry, i) => ({
      key: toEval(keys[i]!),
      value: toEval(values[i]!),
      optional: entry.optional,
    }))
    return other(frame => {
      frame.cost += MAP_CREATE_COST
      const found: [Value, Value][] = []
      for (const pair of pairs) {
        const key = pair.key(frame)
        const value = pair.value(frame)
        if (!pair.optional) found.push([key, value])
        else if (!(value instanceof OptionalValue)) throw notOptional('entry')
        else if (value.value !== undefined) found.push([key, value.value])
      }
      return makeMap(found)
    })
  }

  #constantMap(keys: readonly Value[], values: readonly Value[]): PlanNode {
    const pairs = keys.map((key, index): [Value, Value] => [key, values[index]!])
    try {
      return { kind: 'const', value: makeMap(pairs) }
    } catch {
      return other(() => makeMap(pairs))
    }
  }

  #struct(expr: Expr & { kind: 'struct' }): PlanNode {
    const reference = this.#references.get(expr.id)
    const candidates = candidateNames(this.#context.container, expr.typeName)
    const { provider } = this.#context
    const typeName =
      reference?.kind === 'ident' ? reference.name : candidates.find(name => provider.findType(name) !== undefined)
    if (typeName === undefined) throw new PlanError(`unknown type: ${expr.typeName}`)
    const fields = expr.fields.map(field => ({ ...field, eval: this.evalOf(field.value) }))
    return other(frame => {
      frame.cost += STRUCT_CREATE_COST
      const set = new Map<string, Value>()
      for (const field of fields) {
        const value = field.eval(frame)
        if (!field.optional) set.set(field.name, value)
        else if (!(value instanceof OptionalValue)) throw notOptional('entry')
        else if (value.value !== undefined) set.set(field.name, value.value)
      }
      if (provider.newObject === undefined) throw new CelError(`unknown type '${typeName}'`)
      return provider.newObject(typeName, set)
    })
  }

  #comprehension(expr: Comprehension): Eval {
    const mayGrow = expr.accuVar === ACCUMULATOR
    const accuInit = this.evalOf(expr.accuInit)
    const range = this.evalOf(expr.range)
    const accuSlot = this.locals++
    const iterSlot = this.locals++
    const iterSlot2 = expr.iterVar2 === undefined ? undefined : this.locals++
    this.#scope.push({ name: expr.accuVar, read: readAccumulator(accuSlot, accuInit, mayGrow) })
    const before = this.#scope.length
    this.#scope.push({ name: expr.iterVar, read: readSlot(iterSlot) })
    if (iterSlot2 !== undefined) this.#scope.push({ name: expr.iterVar2!, read: readSlot(iterSlot2) })
    const always = expr.condition.kind === 'literal' && expr.condition.value === true
    const condition = always ? undefined : this.evalOf(expr.condition)
    const step = this.evalOf(expr.step)
    this.#scope.length = before
    const result = this.evalOf(expr.result)
    this.#scope.pop()
    return planFold({ range, accuInit, accuSlot, iterSlot, iterSlot2, condition, step, result, mayGrow })
  }
}

interface ResolvedCall {
  readonly name: string
  readonly operands: readonly Expr[]
  readonly overloads: readonly Overload[]
}

const other = (run: Eval): PlanNode => ({ kind: 'other', eval: run })
const pathOf = (base: Eval, mayBeOptional: boolean, cost: number): Attribute => ({
  kind: 'path',
  base,
  cost,
  steps: [],
  mayBeOptional,
})
const path = (base: Eval, mayBeOptional: boolean): PlanNode => ({
  kind: 'attribute',
  attribute: pathOf(base, mayBeOptional, 1),
})
const notOptional = (what: string): CelError =>
  new CelError(`cannot initialize optional ${what} from non-optional value`)

function readSlot(slot: number): Eval {
  return frame => {
    const value = frame.locals[slot]
    if (value instanceof CelError) throw value
    return value as Value
  }
}

function constantsOf(nodes: readonly PlanNode[]): Value[] | undefined {
  const values: Value[] = []
  for (const node of nodes) {
    if (node.kind !== 'const') return undefined
    values.push(node.value)
  }
  return values
}

const firstDefined = <T>(values: readonly (T | undefined)[]): T | undefined => values.find(value => value !== undefined)

const fitting = (fn: FunctionDecl | undefined, count: number, member: boolean): readonly Overload[] =>
  fn?.overloads.filter(({ args, member: isMember }) => args.length === count && isMember === member) ?? []

function makeMap(entries: readonly [Value, Value][]): EntryMap {
  const map = new EntryMap()
  for (const [key, value] of entries) {
    if (!isKey(key)) throw new CelError('unsupported key type')
    if (map.has(key)) throw new CelError('Failed with repeated key')
    map.put(key, value)
  }
  return map
}

const isKey = (key: Value): boolean => keyForm(key) !== undefined && !(key instanceof Double)
