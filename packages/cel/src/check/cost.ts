import { ACCUMULATOR, type Call, type CheckedAst, type Comprehension, type Expr, type Select } from '../ast.ts'
import type { CelType } from '../types/type.ts'
import { codePointLength } from '../values/value.ts'
import { standardEstimate } from './cost-functions.ts'
import {
  add,
  type CallEstimate,
  type CallEstimator,
  type CostNode,
  fixed,
  IDENT_COST,
  LIST_CREATE_COST,
  MAP_CREATE_COST,
  multiply,
  type Range,
  type SizeEstimator,
  STRUCT_CREATE_COST,
  UNKNOWN,
  union,
  unknownRange,
} from './cost-types.ts'
import type { FunctionDecl } from './declarations.ts'

/** What the estimate needs of an environment. */
export interface CostContext {
  readonly sizes: SizeEstimator
  readonly functions: ReadonlyMap<string, FunctionDecl>
  readonly estimates: ReadonlyMap<string, CallEstimator>
  readonly presenceTestHasCost: boolean
}

/**
 * From how little to how much running an expression may cost. Kubernetes refuses rules by it, so that it must agree with
 * upstream's. Behaviour: cel-go checker/cost.go.
 */
export function estimateCost(ast: CheckedAst, context: CostContext): Range {
  return new Coster(ast, context).cost(ast.expr)
}

/** Sizes of the keys (or indices) and the values of a list or a map. */
interface EntrySize {
  readonly container: 'list' | 'map'
  readonly key: Range
  readonly value: Range
}

interface Local {
  readonly name: string
  readonly path: readonly string[]
  readonly size: Range | undefined
  readonly entrySize: EntrySize | undefined
}

const nothing = fixed(0)
const one = fixed(IDENT_COST)

class Coster {
  readonly #ast: CheckedAst
  readonly #context: CostContext
  readonly #paths = new Map<number, readonly string[]>()
  readonly #sizes = new Map<number, Range>()
  readonly #entrySizes = new Map<number, EntrySize>()
  readonly #locals: Local[] = []

  constructor(ast: CheckedAst, context: CostContext) {
    this.#ast = ast
    this.#context = context
  }

  cost(expr: Expr): Range {
    switch (expr.kind) {
      case 'literal':
        return nothing
      case 'ident':
        return this.#ident(expr.id, this.#identName(expr))
      case 'select':
        return this.#select(expr)
      case 'call':
        return this.#call(expr)
      case 'list':
        return this.#list(expr)
      case 'map':
        return this.#map(expr)
      case 'struct':
        return expr.fields.reduce((sum, field) => add(sum, this.cost(field.value)), fixed(STRUCT_CREATE_COST))
      case 'comprehension':
        return isBind(expr) ? this.#bind(expr) : this.#loop(expr)
    }
  }

  /** The full name of what an identifier, or a chain of selects, refers to. */
  #identName(expr: Expr & { kind: 'ident' | 'select' }): string {
    const reference = this.#ast.references.get(expr.id)
    return reference?.kind === 'ident' ? reference.name : expr.kind === 'ident' ? expr.name : expr.field
  }

  #local(name: string): Local | undefined {
    return this.#locals.findLast(local => local.name === name)
  }

  #ident(id: number, name: string): Range {
    this.#paths.set(id, this.#local(name)?.path ?? [name])
    return one
  }

  #select(expr: Select): Range {
    if (this.#ast.references.get(expr.id)?.kind === 'ident') return this.#ident(expr.id, this.#identName(expr))
    const operand = this.cost(expr.operand)
    if (expr.testOnly) return add(operand, this.#context.presenceTestHasCost ? one : nothing)
    this.#paths.set(expr.id, [...this.#pathOf(expr.operand), expr.field])
    const { kind } = this.#typeOf(expr.operand)
    return kind === 'map' || kind === 'struct' || kind === 'typeParam' ? add(operand, one) : operand
  }

  #call(expr: Call): Range {
    const reference = this.#ast.references.get(expr.id)
    if (reference?.kind !== 'call') return nothing
    if (reference.name === 'dyn') return this.#dyn(expr)
    const argCosts = expr.args.map(arg => this.cost(arg))
    const args = expr.args.map(arg => this.#node(arg))
    let sum = nothing
    let target: CostNode | undefined
    if (expr.target !== undefined && !reference.namespaced) {
      sum = this.cost(expr.target)
      target = this.#node(expr.target)
    }
    let cost: Range = { min: UNKNOWN, max: 0 }
    let size: Range | undefined
    for (const overload of reference.overloads) {
      const estimate = this.#function(expr, reference.name, overload, target, args, argCosts)
      cost = union(cost, estimate.cost)
      if (estimate.resultSize !== undefined) {
        size = size === undefined ? estimate.resultSize : union(size, estimate.resultSize)
      }
      const index = overload === 'index_list' ? '@items' : overload === 'index_map' ? '@values' : undefined
      if (index !== undefined) {
        size = this.#entrySizeOf(expr.args[0]!)?.value
        this.#paths.set(expr.id, [...this.#pathOf(expr.args[0]!), index])
      }
      size ??= this.#sizeOf(expr)
    }
    if (size !== undefined) this.#sizes.set(expr.id, size)
    return add(sum, cost)
  }

  #dyn(expr: Call): Range {
    const arg = expr.args[0]!
    const cost = add(one, this.cost(arg))
    this.#copySizes(expr, arg)
    return cost
  }

  #function(
    expr: Call,
    name: string,
    overload: string,
    target: CostNode | undefined,
    args: readonly CostNode[],
    argCosts: readonly Range[],
  ): CallEstimate {
    const own = this.#context.functions.get(name)?.overloads.find(({ id }) => id === overload)?.estimate
    const call = { name, overload }
    const estimate =
      own?.(call, target, args, this.#context.sizes) ??
      this.#context.estimates.get(name)?.(call, target, args, this.#context.sizes)
    const sum = argCosts.reduce(add, nothing)
    if (estimate !== undefined) return { ...estimate, cost: add(estimate.cost, sum) }
    switch (overload) {
      case 'logical_or':
      case 'logical_and':
        return { cost: { min: argCosts[0]!.min, max: sum.max } }
      case 'conditional':
        return this.#conditional(expr, args, argCosts)
      case 'add_string':
      case 'add_bytes':
      case 'add_list':
        this.#joinEntrySizes(expr, expr.args[0]!, expr.args[1]!)
    }
    const standard = standardEstimate(overload, target, args) ?? { cost: one }
    return { ...standard, cost: add(standard.cost, sum) }
  }

  #conditional(expr: Call, args: readonly CostNode[], [test, truthy, falsy]: readonly Range[]): CallEstimate {
    this.#joinEntrySizes(expr, expr.args[1]!, expr.args[2]!)
    return {
      cost: add(test!, union(truthy!, falsy!)),
      resultSize: union(args[1]!.size ?? unknownRange, args[2]!.size ?? unknownRange),
    }
  }

  #joinEntrySizes(expr: Expr, left: Expr, right: Expr): void {
    const a = this.#entrySizeOf(left)
    const b = this.#entrySizeOf(right)
    if (a === undefined || b === undefined) return
    const joined = { container: a.container, key: union(a.key, b.key), value: union(a.value, b.value) }
    this.#entrySizes.set(expr.id, joined)
  }

  #list(expr: Expr & { kind: 'list' }): Range {
    let sum = fixed(LIST_CREATE_COST)
    let value = emptyRange(expr.elements.length)
    for (const element of expr.elements) {
      sum = add(sum, this.cost(element))
      value = union(value, this.#sizeOf(element) ?? unknownRange)
    }
    this.#entrySizes.set(expr.id, { container: 'list', key: fixed(1), value })
    return sum
  }

  #map(expr: Expr & { kind: 'map' }): Range {
    let sum = fixed(MAP_CREATE_COST)
    let key = emptyRange(expr.entries.length)
    let value = key
    for (const entry of expr.entries) {
      sum = add(add(sum, this.cost(entry.key)), this.cost(entry.value))
      key = union(key, this.#sizeOf(entry.key) ?? unknownRange)
      value = union(value, this.#sizeOf(entry.value) ?? unknownRange)
    }
    this.#entrySizes.set(expr.id, { container: 'map', key, value })
    return sum
  }

  #loop(expr: Comprehension): Range {
    let sum = add(this.cost(expr.range), this.cost(expr.accuInit))
    this.#pushBinding(expr)
    const outside = this.#locals.length
    this.#pushIterVars(expr)
    const round = add(this.cost(expr.step), this.cost(expr.condition))
    this.#locals.length = outside
    sum = add(sum, this.cost(expr.result))
    this.#locals.pop()
    const rounds = this.#sizeOf(expr.range) ?? unknownRange
    sum = add(sum, multiply(rounds, round))
    this.#setLoopSize(expr, rounds)
    return sum
  }

  #setLoopSize(expr: Comprehension, rounds: Range): void {
    const { kind } = expr.accuInit
    if (kind === 'literal') {
      const size = this.#sizeOf(expr.accuInit)
      if (size !== undefined) this.#sizes.set(expr.id, size)
    } else if (kind === 'list' || kind === 'map') {
      this.#sizes.set(expr.id, rounds)
      const entrySize = this.#entrySizeOf(expr.step)
      if (entrySize !== undefined) this.#entrySizes.set(expr.id, entrySize)
    }
  }

  #bind(expr: Comprehension): Range {
    let sum = add(this.cost(expr.range), this.cost(expr.accuInit))
    this.#pushBinding(expr)
    sum = add(sum, this.cost(expr.result))
    this.#locals.pop()
    this.#copySizes(expr, expr.result)
    return sum
  }

  #pushBinding({ accuVar, accuInit }: Comprehension): void {
    this.#locals.push({
      name: accuVar,
      path: this.#pathOf(accuInit),
      size: this.#sizeOf(accuInit),
      entrySize: this.#entrySizeOf(accuInit),
    })
  }

  #pushIterVars({ range, iterVar, iterVar2 }: Comprehension): void {
    const entrySize = this.#entrySizeOf(range)
    const isList = (entrySize?.container ?? this.#typeOf(range).kind) === 'list'
    const path = this.#pathOf(range)
    const push = (name: string, step: string, size: Range | undefined): void => {
      this.#locals.push({ name, path: [...path, step], size, entrySize: undefined })
    }
    if (iterVar2 === undefined) {
      if (isList) push(iterVar, '@items', entrySize?.value)
      else push(iterVar, '@keys', entrySize?.key)
      return
    }
    push(iterVar, isList ? '@indices' : '@keys', entrySize?.key)
    push(iterVar2, isList ? '@items' : '@values', entrySize?.value)
  }

  #typeOf(expr: Expr): CelType {
    return this.#ast.types.get(expr.id)!
  }

  #pathOf(expr: Expr): readonly string[] {
    const local = expr.kind === 'ident' ? this.#local(this.#identName(expr)) : undefined
    return local?.path ?? this.#paths.get(expr.id) ?? []
  }

  #node(expr: Expr): CostNode {
    const path = this.#pathOf(expr)
    const size = this.#sizeOf(expr)
    return {
      path: path[0] === ACCUMULATOR ? [] : path,
      type: this.#typeOf(expr),
      expr,
      ...(size && { size }),
    }
  }

  #copySizes(to: Expr, from: Expr): void {
    const size = this.#sizeOf(from)
    if (size !== undefined) this.#sizes.set(to.id, size)
    const entrySize = this.#entrySizeOf(from)
    if (entrySize !== undefined) this.#entrySizes.set(to.id, entrySize)
  }

  #sizeOf(expr: Expr): Range | undefined {
    const known = this.#sizes.get(expr.id) ?? literalSize(expr)
    if (known !== undefined) return known
    const estimated = this.#context.sizes({ expr, path: this.#pathOf(expr), type: this.#typeOf(expr) })
    if (estimated !== undefined) {
      this.#sizes.set(expr.id, estimated)
      return estimated
    }
    if (isScalar(this.#typeOf(expr))) return fixed(1)
    return expr.kind === 'ident' ? this.#local(this.#identName(expr))?.size : undefined
  }

  #entrySizeOf(expr: Expr): EntrySize | undefined {
    const known = this.#entrySizes.get(expr.id)
    if (known !== undefined) return known
    return expr.kind === 'ident' ? this.#local(this.#identName(expr))?.entrySize : undefined
  }
}

/** Where a union begins; for no elements, the end as well. */
const emptyRange = (elements: number): Range => ({ min: elements === 0 ? 0 : UNKNOWN, max: 0 })

function isBind({ range, condition, accuVar }: Comprehension): boolean {
  return (
    range.kind === 'list' &&
    range.elements.length === 0 &&
    condition.kind === 'literal' &&
    condition.value === false &&
    accuVar !== ACCUMULATOR
  )
}

function literalSize(expr: Expr): Range | undefined {
  switch (expr.kind) {
    case 'literal':
      if (typeof expr.value === 'string') return fixed(codePointLength(expr.value))
      return fixed(expr.value instanceof Uint8Array ? expr.value.length : 1)
    case 'list':
      return fixed(expr.elements.length)
    case 'map':
      return fixed(expr.entries.length)
    default:
      return undefined
  }
}

const scalarKinds = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint'])

function isScalar(type: CelType): boolean {
  if (type.kind === 'opaque' && type.name === 'optional_type') return isScalar(type.params[0]!)
  return scalarKinds.has(type.kind)
}
