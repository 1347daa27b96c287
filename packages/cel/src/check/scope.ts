import type { CelType } from '../types/type.ts'

/** Names that an expression may mean by a name, in the order in which they are tried. */
export function candidateNames(container: string, name: string): string[] {
  if (name.startsWith('.')) return [name.slice(1)]
  if (container === '') return [name]
  const parts = container.split('.')
  return [...parts.map((_, index) => `${parts.slice(0, parts.length - index).join('.')}.${name}`), name]
}

/** Variables of loops, innermost first. */
export class Scope {
  readonly #names: ReadonlyMap<string, CelType>
  readonly #outer: Scope | undefined

  constructor(names: ReadonlyMap<string, CelType>, outer?: Scope) {
    this.#names = names
    this.#outer = outer
  }

  find(name: string): CelType | undefined {
    return this.#names.get(name) ?? this.#outer?.find(name)
  }
}
