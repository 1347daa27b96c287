import type { Source } from './syntax/source.ts'
import type { CelType } from './types/type.ts'
import type { Value } from './values/value.ts'

/** A node of the tree. `id` is unique in its tree; positions, types and references are kept by it. */
export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension

export interface Literal {
  readonly kind: 'literal'
  readonly id: number
  readonly value: Value
}

/** A name; a leading dot says that it is absolute. */
export interface Ident {
  readonly kind: 'ident'
  readonly id: number
  readonly name: string
}

/** `operand.field`, or with `testOnly` what `has(operand.field)` became. */
export interface Select {
  readonly kind: 'select'
  readonly id: number
  readonly operand: Expr
  readonly field: string
  readonly testOnly: boolean
}

/** A call of a function, also of an operator (`_+_`); with a target when it was written `target.name(...)`. */
export interface Call {
  readonly kind: 'call'
  readonly id: number
  readonly name: string
  readonly target?: Expr
  readonly args: readonly Expr[]
}

/** `[a, ?b]`; `optional` holds the indices that had a question mark. */
export interface ListExpr {
  readonly kind: 'list'
  readonly id: number
  readonly elements: readonly Expr[]
  readonly optional: readonly number[]
}

export interface MapEntry {
  readonly id: number
  readonly key: Expr
  readonly value: Expr
  readonly optional: boolean
}

export interface MapExpr {
  readonly kind: 'map'
  readonly id: number
  readonly entries: readonly MapEntry[]
}

export interface StructField {
  readonly id: number
  readonly name: string
  readonly value: Expr
  readonly optional: boolean
}

/** `Type{field: value}`. */
export interface StructExpr {
  readonly kind: 'struct'
  readonly id: number
  readonly typeName: string
  readonly fields: readonly StructField[]
}

/** A loop over a list or a map, which macros expand to. With `iterVar2` it has index (or key) and value. */
export interface Comprehension {
  readonly kind: 'comprehension'
  readonly id: number
  readonly range: Expr
  readonly iterVar: string
  readonly iterVar2?: string
  readonly accuVar: string
  readonly accuInit: Expr
  readonly condition: Expr
  readonly step: Expr
  readonly result: Expr
}

/** What the checker found out about a name or a call. */
export type Reference =
  | { readonly kind: 'ident'; readonly name: string; readonly value?: Value; readonly local: boolean }
  | {
      readonly kind: 'call'
      /** The full name of the function. */
      readonly name: string
      /** Overloads that may be meant; more than one where a type is only known at run time. */
      readonly overloads: readonly string[]
      /** The target is the first part of the function's name, and no argument. */
      readonly namespaced: boolean
    }

/** A parsed expression. */
export interface Ast {
  readonly source: Source
  readonly expr: Expr
  /** Offsets into the source, in code points, by the id of a node. */
  readonly positions: ReadonlyMap<number, number>
}

/** A parsed expression that the checker went through. */
export interface CheckedAst extends Ast {
  readonly types: ReadonlyMap<number, CelType>
  readonly references: ReadonlyMap<number, Reference>
}

/** The name in front of every accumulator that a macro makes; no expression can contain it. */
export const ACCUMULATOR = '@result'
