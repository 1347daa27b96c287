import type {
  Ast,
  Call,
  CheckedAst,
  Comprehension,
  Expr,
  ListExpr,
  MapExpr,
  Reference,
  Select,
  StructExpr,
} from '../ast.ts'
import type { Issue } from '../syntax/source.ts'
import {
  boolType,
  type CelType,
  dynType,
  errorType,
  formatSignature,
  formatType,
  intType,
  isDyn,
  isExactType,
  isOptionalType,
  listOf,
  mapOf,
  optionalOf,
  typeOfType,
  typeParam,
} from '../types/type.ts'
import { areAssignable, isAssignable, mostGeneral, substitute, TypeMapping } from '../types/unify.ts'
import { typeOf, type Value } from '../values/value.ts'
import type { FunctionDecl, Overload, TypeProvider } from './declarations.ts'
import { candidateNames, Scope } from './scope.ts'

/** What the checker needs of an environment. */
export interface CheckContext {
  readonly container: string
  readonly variables: ReadonlyMap<string, CelType>
  readonly functions: ReadonlyMap<string, FunctionDecl>
  readonly provider: TypeProvider
  /** Elements of a list literal must have one type, keys and values of a map literal too. */
  readonly homogeneousLiterals: boolean
  readonly disabledOverloads: ReadonlySet<string>
}

/**
 * Finds the type of every part of an expression and what its names and calls mean. With issues, the result is of no use.
 * Behaviour and texts: cel-go checker/checker.go, checker/errors.go.
 */
export function check(ast: Ast, context: CheckContext): { ast: CheckedAst; issues: Issue[] } {
  const checker = new Checker(ast, context)
  checker.check(ast.expr)
  return { ast: { ...ast, types: checker.finalTypes(), references: checker.references }, issues: checker.issues }
}

class Checker {
  readonly issues: Issue[] = []
  readonly references = new Map<number, Reference>()
  readonly #types = new Map<number, CelType>()
  readonly #ast: Ast
  readonly #context: CheckContext
  readonly #mapping = new TypeMapping()
  #scope = new Scope(new Map())
  #freshTypes = 0

  constructor(ast: Ast, context: CheckContext) {
    this.#ast = ast
    this.#context = context
  }

  finalTypes(): Map<number, CelType> {
    return new Map([...this.#types].map(([id, type]) => [id, substitute(this.#mapping, type, true)]))
  }

  #report(exprId: number, message: string): void {
    const location = this.#ast.source.location(this.#ast.positions.get(exprId) ?? 0)
    this.issues.push({ message, location, exprId })
  }

  #typeOf(expr: Expr): CelType {
    return this.#types.get(expr.id)!
  }

  #assign(from: CelType, to: CelType): boolean {
    return isAssignable(this.#mapping, from, to)
  }

  #fresh(): CelType {
    return typeParam(`_var${this.#freshTypes++}`)
  }

  check(expr: Expr): CelType {
    const type = this.#check(expr)
    this.#types.set(expr.id, type)
    return type
  }

  #check(expr: Expr): CelType {
    switch (expr.kind) {
      case 'literal':
        return typeOf(expr.value)
      case 'ident':
        return this.#identifier(expr.id, expr.name) ?? this.#undeclared(expr.id, expr.name)
      case 'select':
        return this.#select(expr)
      case 'call':
        return this.#call(expr)
      case 'list':
        return this.#list(expr)
      case 'map':
        return this.#map(expr)
      case 'struct':
        return this.#struct(expr)
      case 'comprehension':
        return this.#comprehension(expr)
    }
  }

  #undeclared(id: number, name: string): CelType {
    this.#report(id, `undeclared reference to '${name}' (in container '${this.#context.container}')`)
    return errorType
  }

  /** The type of a name, noted as what the node refers to; undefined where nothing has it. */
  #identifier(id: number, name: string): CelType | undefined {
    const local = this.#scope.find(name)
    if (local !== undefined) {
      this.references.set(id, { kind: 'ident', name, local: true })
      return local
    }
    return this.#global(id, name)
  }

  #global(id: number, name: string): CelType | undefined {
    for (const candidate of candidateNames(this.#context.container, name)) {
      const variable = this.#context.variables.get(candidate)
      if (variable !== undefined) {
        this.references.set(id, { kind: 'ident', name: candidate, local: false })
        return variable
      }
      const type = this.#context.provider.findType(candidate)
      if (type !== undefined) return this.#constant(id, candidate, type, typeOfType(type))
      const constant = this.#context.provider.findConstant?.(candidate)
      if (constant !== undefined) return this.#constant(id, candidate, constant, typeOf(constant))
    }
    return undefined
  }

  #constant(id: number, name: string, value: Value, type: CelType): CelType {
    this.references.set(id, { kind: 'ident', name, value, local: false })
    return type
  }

  #select(expr: Select): CelType {
    const path = expr.testOnly ? undefined : dottedName(expr)
    if (path !== undefined && this.#scope.find(path.split('.')[0]!) === undefined) {
      const type = this.#global(expr.id, path)
      if (type !== undefined) return type
    }
    const type = this.#field(expr.id, expr.operand, expr.field, false)
    return expr.testOnly ? boolType : substitute(this.#mapping, type, false)
  }

  #field(id: number, operand: Expr, field: string, optional: boolean): CelType {
    const operandType = substitute(this.#mapping, this.check(operand), false)
    const inner = isOptionalType(operandType) ? operandType.params[0]! : operandType
    const type = this.#fieldOf(id, inner, field)
    return optional || inner !== operandType ? optionalOf(type) : type
  }

  #fieldOf(id: number, type: CelType, field: string): CelType {
    switch (type.kind) {
      case 'map':
        return type.params[1]!
      case 'struct':
        return this.#fieldType(id, type.name, field) ?? errorType
      case 'typeParam':
        this.#assign(dynType, type)
        return dynType
      default:
        if (!isDyn(type) && type.kind !== 'error') {
          this.#report(id, `type '${formatType(type)}' does not support field selection`)
        }
        return dynType
    }
  }

  #fieldType(id: number, typeName: string, field: string): CelType | undefined {
    const type = this.#context.provider.findField(typeName, field)
    if (type === undefined) this.#report(id, `undefined field '${field}'`)
    return type
  }

  #call(expr: Call): CelType {
    if (expr.name === '_?._') return this.#optionalSelect(expr)
    for (const arg of expr.args) this.check(arg)
    const { target } = expr
    if (target === undefined) {
      const fn = this.#function(expr.name)
      return fn === undefined ? this.#undeclared(expr.id, expr.name) : this.#resolve(expr, fn, undefined)
    }
    const prefix = target.kind === 'ident' ? target.name : dottedName(target)
    const namespaced = prefix === undefined ? undefined : this.#function(`${prefix}.${expr.name}`)
    if (namespaced !== undefined) return this.#resolve(expr, namespaced, undefined)
    this.check(target)
    const fn = this.#function(expr.name)
    return fn === undefined ? this.#undeclared(expr.id, expr.name) : this.#resolve(expr, fn, target)
  }

  #function(name: string): FunctionDecl | undefined {
    for (const candidate of candidateNames(this.#context.container, name)) {
      const found = this.#context.functions.get(candidate)
      if (found !== undefined) return found
    }
    return undefined
  }

  #optionalSelect(expr: Call): CelType {
    const [operand, field] = expr.args as [Expr, Expr]
    const name = field.kind === 'literal' ? String(field.value) : ''
    const type = this.#field(expr.id, operand, name, true)
    this.#types.set(field.id, typeOf(name))
    this.references.set(expr.id, {
      kind: 'call',
      name: '_?._',
      overloads: ['select_optional_field'],
      namespaced: false,
    })
    return substitute(this.#mapping, type, false)
  }

  /** Which overloads may be meant; their common result type, or dyn where they have none. */
  #resolve(expr: Call, fn: FunctionDecl, target: Expr | undefined): CelType {
    const operands = target === undefined ? expr.args : [target, ...expr.args]
    const types = operands.map(operand => this.#typeOf(operand))
    if (fn.name === '_&&_' || fn.name === '_||_') return this.#logical(expr, fn.name)
    const overloads: string[] = []
    let result: CelType | undefined
    for (const candidate of fn.overloads) {
      if (candidate.member !== (target !== undefined) || this.#context.disabledOverloads.has(candidate.id)) continue
      const signature = this.#instantiate(candidate)
      if (!areAssignable(this.#mapping, types, signature.args)) continue
      overloads.push(candidate.id)
      const type = substitute(this.#mapping, signature.result, false)
      if (result === undefined) result = type
      else if (!isDyn(result) && !isExactType(type, result)) result = dynType
    }
    if (result === undefined) {
      const shown = types.map(type => substitute(this.#mapping, type, true))
      this.#report(expr.id, noMatch(fn.name, shown, target !== undefined))
      return errorType
    }
    const namespaced = target === undefined && expr.target !== undefined
    this.references.set(expr.id, { kind: 'call', name: fn.name, overloads, namespaced })
    return result
  }

  #logical(expr: Call, name: '_&&_' | '_||_'): CelType {
    const overload = name === '_&&_' ? 'logical_and' : 'logical_or'
    this.references.set(expr.id, { kind: 'call', name, overloads: [overload], namespaced: false })
    const wrong = expr.args.filter(arg => !this.#assign(this.#typeOf(arg), boolType))
    for (const arg of wrong) this.#mismatch(arg, boolType, this.#typeOf(arg))
    return wrong.length > 0 ? errorType : boolType
  }

  #instantiate(candidate: Overload): { args: readonly CelType[]; result: CelType } {
    const names = new Set([...candidate.args, candidate.result].flatMap(typeParamNames))
    if (names.size === 0) return candidate
    const fresh = new TypeMapping(new Map([...names].map(name => [name, this.#fresh()])))
    return {
      args: candidate.args.map(arg => substitute(fresh, arg, false)),
      result: substitute(fresh, candidate.result, false),
    }
  }

  #join(expr: Expr, previous: CelType | undefined, current: CelType): CelType {
    if (previous === undefined) return current
    if (this.#assign(previous, current)) return mostGeneral(previous, current)
    if (!this.#context.homogeneousLiterals) return dynType
    this.#mismatch(expr, previous, current)
    return errorType
  }

  #mismatch(expr: Expr, expected: CelType, found: CelType): void {
    this.#report(expr.id, `expected type '${formatType(expected)}' but found '${formatType(found)}'`)
  }

  /** The type behind a question mark. */
  #unwrapOptional(expr: Expr, optional: boolean): CelType {
    const type = this.#typeOf(expr)
    if (!optional) return type
    if (isOptionalType(type)) return type.params[0]!
    if (!isDyn(type)) this.#mismatch(expr, optionalOf(type), type)
    return type
  }

  #list(expr: ListExpr): CelType {
    let type: CelType | undefined
    for (const [index, element] of expr.elements.entries()) {
      this.check(element)
      type = this.#join(element, type, this.#unwrapOptional(element, expr.optional.includes(index)))
    }
    return listOf(type ?? this.#fresh())
  }

  #map(expr: MapExpr): CelType {
    let key: CelType | undefined
    let value: CelType | undefined
    for (const entry of expr.entries) {
      key = this.#join(entry.key, key, this.check(entry.key))
      this.check(entry.value)
      value = this.#join(entry.value, value, this.#unwrapOptional(entry.value, entry.optional))
    }
    return mapOf(key ?? this.#fresh(), value ?? this.#fresh())
  }

  #struct(expr: StructExpr): CelType {
    const found = this.#structType(expr)
    if (found === undefined) return this.#undeclared(expr.id, expr.typeName)
    this.references.set(expr.id, { kind: 'ident', name: found.name, local: false })
    const isStruct = found.kind === 'struct'
    if (!isStruct) this.#report(expr.id, `'${formatType(found)}' is not a message type`)
    for (const field of expr.fields) {
      this.check(field.value)
      const fieldType = isStruct ? (this.#fieldType(field.id, found.name, field.name) ?? errorType) : errorType
      const valueType = this.#unwrapOptional(field.value, field.optional)
      if (!this.#assign(fieldType, valueType)) {
        const types = `is '${formatType(fieldType)}' but provided type is '${formatType(valueType)}'`
        this.#report(field.id, `expected type of field '${field.name}' ${types}`)
      }
    }
    return isStruct ? found : errorType
  }

  #structType(expr: StructExpr): CelType | undefined {
    for (const candidate of candidateNames(this.#context.container, expr.typeName)) {
      const type = this.#context.provider.findType(candidate)
      if (type !== undefined) return type
    }
    return undefined
  }

  #comprehension(expr: Comprehension): CelType {
    this.check(expr.range)
    const accuType = this.check(expr.accuInit)
    const outer = this.#scope
    const withAccu = new Scope(new Map([[expr.accuVar, accuType]]), outer)
    this.#scope = new Scope(this.#loopVariables(expr), withAccu)
    this.check(expr.condition)
    this.#assertType(expr.condition, boolType)
    this.check(expr.step)
    this.#assertType(expr.step, accuType)
    this.#scope = withAccu
    const result = this.check(expr.result)
    this.#scope = outer
    return substitute(this.#mapping, result, false)
  }

  #loopVariables(expr: Comprehension): Map<string, CelType> {
    const range = substitute(this.#mapping, this.#typeOf(expr.range), false)
    const [key, value] = this.#rangeTypes(expr, range)
    if (expr.iterVar2 !== undefined)
      return new Map([
        [expr.iterVar, key],
        [expr.iterVar2, value],
      ])
    return new Map([[expr.iterVar, range.kind === 'list' ? value : key]])
  }

  #rangeTypes(expr: Comprehension, range: CelType): [CelType, CelType] {
    switch (range.kind) {
      case 'list':
        return [intType, range.params[0]!]
      case 'map':
        return [range.params[0]!, range.params[1]!]
      case 'dyn':
      case 'any':
      case 'error':
      case 'typeParam':
        this.#assign(dynType, range)
        return [dynType, dynType]
      default:
        this.#report(
          expr.range.id,
          `expression of type '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        )
        return [errorType, errorType]
    }
  }

  #assertType(expr: Expr, type: CelType): void {
    if (!this.#assign(type, this.#typeOf(expr))) this.#mismatch(expr, type, this.#typeOf(expr))
  }
}

const noMatch = (name: string, args: readonly CelType[], member: boolean): string =>
  `found no matching overload for '${name}' applied to '${formatSignature(args, member)}'`

/** `a.b.c`, where the expression is only names and dots. */
export function dottedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name
  if (expr.kind !== 'select' || expr.testOnly) return undefined
  const prefix = dottedName(expr.operand)
  return prefix === undefined ? undefined : `${prefix}.${expr.field}`
}

export function typeParamNames(type: CelType): string[] {
  return type.kind === 'typeParam' ? [type.name] : type.params.flatMap(typeParamNames)
}
