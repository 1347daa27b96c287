import type { FunctionDecl, TypeProvider } from '../check/declarations.ts'
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  intType,
  listOf,
  mapOf,
  nullType,
  stringType,
  timestampType,
  typeOfType,
  typeParam,
  typeType,
  uintType,
} from '../types/type.ts'
import { conversions } from './conversions.ts'
import { operators } from './operators.ts'
import { strings } from './strings.ts'
import { times } from './times.ts'

/** The functions and operators of the language itself. */
export const standardFunctions: readonly FunctionDecl[] = [...operators, ...conversions, ...strings, ...times]

const named: readonly CelType[] = [
  boolType,
  bytesType,
  doubleType,
  durationType,
  intType,
  nullType,
  stringType,
  timestampType,
  uintType,
  listOf(typeParam('A')),
  mapOf(typeParam('A'), typeParam('B')),
  typeOfType(typeType),
]

/** Types by their names, without fields: `typesByName([quantityType])` makes `kubernetes.Quantity` a name. */
export function typesByName(types: readonly CelType[]): TypeProvider {
  const byName = new Map(types.map(type => [type.name, type]))
  return { findType: name => byName.get(name), findField: () => undefined }
}

/** The types of the language itself. */
export const standardTypes: TypeProvider = typesByName(named)
