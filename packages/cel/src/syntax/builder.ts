import { ACCUMULATOR, type Expr, type Ident, type MapEntry } from '../ast.ts'
import type { Value } from '../values/value.ts'

/** Gives out ids and remembers where each node is. */
export class NodeIds {
  readonly positions = new Map<number, number>()
  #last = 0

  /** A new id at an offset in code points. */
  at(offset: number): number {
    this.#last++
    this.positions.set(this.#last, offset)
    return this.#last
  }

  offsetOf(id: number): number {
    return this.positions.get(id) ?? 0
  }
}

/** A macro that fits by name and number of arguments has an argument that it cannot use. */
export class MacroError extends Error {
  readonly exprId: number

  constructor(exprId: number, message: string) {
    super(message)
    this.exprId = exprId
  }
}

/** Makes the nodes that a macro expands to; all of them are where the macro's call is. */
export class MacroBuilder {
  readonly accumulator = ACCUMULATOR
  readonly #ids: NodeIds
  readonly #offset: number

  constructor(ids: NodeIds, offset: number) {
    this.#ids = ids
    this.#offset = offset
  }

  #id(): number {
    return this.#ids.at(this.#offset)
  }

  literal(value: Value): Expr {
    return { kind: 'literal', id: this.#id(), value }
  }

  ident(name: string): Ident {
    return { kind: 'ident', id: this.#id(), name }
  }

  accu(): Ident {
    return this.ident(ACCUMULATOR)
  }

  call(name: string, ...args: Expr[]): Expr {
    return { kind: 'call', id: this.#id(), name, args }
  }

  memberCall(name: string, target: Expr, ...args: Expr[]): Expr {
    return { kind: 'call', id: this.#id(), name, target, args }
  }

  presence(operand: Expr, field: string): Expr {
    return { kind: 'select', id: this.#id(), operand, field, testOnly: true }
  }

  list(...elements: Expr[]): Expr {
    return { kind: 'list', id: this.#id(), elements, optional: [] }
  }

  map(...entries: MapEntry[]): Expr {
    return { kind: 'map', id: this.#id(), entries }
  }

  mapEntry(key: Expr, value: Expr): MapEntry {
    return { id: this.#id(), key, value, optional: false }
  }

  loop(parts: {
    range: Expr
    iterVar: string
    iterVar2?: string
    accuVar?: string
    accuInit: Expr
    condition: Expr
    step: Expr
    result: Expr
  }): Expr {
    return { kind: 'comprehension', id: this.#id(), accuVar: ACCUMULATOR, ...parts }
  }

  /** The same tree with new ids, each where the old one was. */
  copy(expr: Expr): Expr {
    const id = this.#ids.at(this.#ids.offsetOf(expr.id))
    switch (expr.kind) {
      case 'literal':
      case 'ident':
        return { ...expr, id }
      case 'select':
        return { ...expr, id, operand: this.copy(expr.operand) }
      case 'call': {
        const args = expr.args.map(arg => this.copy(arg))
        return expr.target === undefined ? { ...expr, id, args } : { ...expr, id, args, target: this.copy(expr.target) }
      }
      case 'list':
        return { ...expr, id, elements: expr.elements.map(element => this.copy(element)) }
      case 'map':
        return { ...expr, id, entries: expr.entries.map(entry => this.#copyEntry(entry)) }
      case 'struct': {
        const fields = expr.fields.map(field => ({
          ...field,
          id: this.#ids.at(this.#ids.offsetOf(field.id)),
          value: this.copy(field.value),
        }))
        return { ...expr, id, fields }
      }
      case 'comprehension':
        return {
          ...expr,
          id,
          range: this.copy(expr.range),
          accuInit: this.copy(expr.accuInit),
          condition: this.copy(expr.condition),
          step: this.copy(expr.step),
          result: this.copy(expr.result),
        }
    }
  }

  #copyEntry(entry: MapEntry): MapEntry {
    return {
      ...entry,
      id: this.#ids.at(this.#ids.offsetOf(entry.id)),
      key: this.copy(entry.key),
      value: this.copy(entry.value),
    }
  }
}
