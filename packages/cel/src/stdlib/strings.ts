import { type FunctionDecl, func, member, overload } from '../check/declarations.ts'
import { boolType, bytesType, intType, listOf, mapOf, stringType, typeParam } from '../types/type.ts'
import { sizeOf, type Value } from '../values/value.ts'
import { matches } from './regex.ts'

const listOfA = listOf(typeParam('A'))
const mapOfAB = mapOf(typeParam('A'), typeParam('B'))
const size = (value: Value): number => sizeOf(value)!

const sized = [
  ['bytes', bytesType],
  ['list', listOfA],
  ['map', mapOfAB],
  ['string', stringType],
] as const

/** `size` and the functions of strings that the language itself has. */
export const strings: readonly FunctionDecl[] = [
  func(
    'size',
    ...sized.flatMap(([name, type]) => [
      overload(`size_${name}`, [type], intType, size),
      member(`${name}_size`, [type], intType, size),
    ]),
  ),
  func(
    'contains',
    member('contains_string', [stringType, stringType], boolType, (text: string, part: string) => text.includes(part)),
  ),
  func(
    'endsWith',
    member('ends_with_string', [stringType, stringType], boolType, (text: string, part: string) => text.endsWith(part)),
  ),
  func(
    'startsWith',
    member('starts_with_string', [stringType, stringType], boolType, (text: string, part: string) =>
      text.startsWith(part),
    ),
  ),
  func(
    'matches',
    overload('matches', [stringType, stringType], boolType, matches, { patternArg: 1 }),
    member('matches_string', [stringType, stringType], boolType, matches, { patternArg: 1 }),
  ),
]
