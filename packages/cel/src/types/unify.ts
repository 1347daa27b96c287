import { type CelType, dynType, isDyn, isExactType, listOf, mapOf, opaqueType, typeOfType } from './type.ts'

/** What type parameters stand for, found out on the way. Behaviour of this file: cel-go checker/types.go. */
export class TypeMapping {
  #known: Map<string, CelType>

  constructor(known = new Map<string, CelType>()) {
    this.#known = known
  }

  find(type: CelType): CelType | undefined {
    return type.kind === 'typeParam' ? this.#known.get(type.name) : undefined
  }

  set(param: CelType, type: CelType): void {
    this.#known.set(param.name, type)
  }

  /** Runs `attempt` and keeps what it found out only where it says yes. */
  tentatively(attempt: () => boolean): boolean {
    const before = this.#known
    this.#known = new Map(before)
    const success = attempt()
    if (!success) this.#known = before
    return success
  }
}

const isWild = (type: CelType): boolean => isDyn(type) || type.kind === 'error'

/** Whether a value of type `from` may stand where `to` is asked for (and, as upstream, often the other way round). */
export function isAssignable(mapping: TypeMapping, from: CelType, to: CelType): boolean {
  return mapping.tentatively(() => assignable(mapping, from, to))
}

export function areAssignable(mapping: TypeMapping, from: readonly CelType[], to: readonly CelType[]): boolean {
  return mapping.tentatively(() => allAssignable(mapping, from, to))
}

function allAssignable(mapping: TypeMapping, from: readonly CelType[], to: readonly CelType[]): boolean {
  return from.length === to.length && from.every((type, index) => assignable(mapping, type, to[index]!))
}

function assignable(mapping: TypeMapping, from: CelType, to: CelType): boolean {
  if (to.kind === 'typeParam') {
    const { valid, known } = substitutable(mapping, from, to)
    if (valid) return true
    if (known) return false
  }
  if (from.kind === 'typeParam') return substitutable(mapping, to, from).valid
  if (isWild(from) || isWild(to)) return true
  if (from.kind === 'null') return acceptsNull(to)
  if (to.kind === 'null') return acceptsNull(from)
  if (from.kind !== to.kind) return false
  if (from.kind === 'type') return true
  return from.name === to.name && allAssignable(mapping, from.params, to.params)
}

const nullableKinds = new Set(['opaque', 'struct', 'any', 'duration', 'timestamp', 'null'])
const acceptsNull = (type: CelType): boolean => type.nullable || nullableKinds.has(type.kind)

function substitutable(mapping: TypeMapping, type: CelType, param: CelType): { valid: boolean; known: boolean } {
  if (type.kind === param.kind && isExactType(type, param)) return { valid: true, known: true }
  const known = mapping.find(param)
  if (known !== undefined) {
    if (type.kind === known.kind && isExactType(type, known)) return { valid: true, known: true }
    if (!assignable(mapping, type, known)) return { valid: false, known: true }
    const general = mostGeneral(type, known)
    if (isAbsentFrom(mapping, param, general)) mapping.set(param, general)
    return { valid: true, known: true }
  }
  if (!isAbsentFrom(mapping, param, type)) return { valid: false, known: false }
  mapping.set(param, type)
  return { valid: true, known: false }
}

/** Of two types that fit each other the one that says less. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return saysLess(a, b) ? a : b
}

function saysLess(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'typeParam') return true
  if (isDyn(b) || b.kind === 'typeParam' || a.kind !== b.kind) return false
  switch (a.kind) {
    case 'opaque':
    case 'list':
    case 'map':
      return (
        a.name === b.name &&
        a.params.length === b.params.length &&
        a.params.every((param, index) => saysLess(param, b.params[index]!))
      )
    case 'type':
      return true
    default:
      return isExactType(a, b)
  }
}

/** Whether a parameter does not occur in a type, which would make it endless. */
function isAbsentFrom(mapping: TypeMapping, param: CelType, within: CelType): boolean {
  if (isExactType(param, within)) return false
  if (within.kind === 'typeParam') {
    const known = mapping.find(within)
    return known === undefined || isAbsentFrom(mapping, param, known)
  }
  return within.params.every(inner => isAbsentFrom(mapping, param, inner))
}

/** The type with its parameters replaced by what they stand for; with `toDyn`, unknown ones become dyn. */
export function substitute(mapping: TypeMapping, type: CelType, toDyn: boolean): CelType {
  const known = mapping.find(type)
  if (known !== undefined) return substitute(mapping, known, toDyn)
  if (type.kind === 'typeParam') return toDyn ? dynType : type
  if (type.params.length === 0) return type
  const params = type.params.map(param => substitute(mapping, param, toDyn))
  if (params.every((param, index) => param === type.params[index])) return type
  switch (type.kind) {
    case 'list':
      return listOf(params[0]!)
    case 'map':
      return mapOf(params[0]!, params[1]!)
    case 'type':
      return typeOfType(params[0]!)
    default:
      return opaqueType(type.name, ...params)
  }
}
