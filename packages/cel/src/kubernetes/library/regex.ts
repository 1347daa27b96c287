import { func, member } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { compilePattern } from '../../stdlib/regex.ts'
import { intType, listOf, stringType } from '../../types/type.ts'
import { CelError } from '../../values/error.ts'
import { ArrayList } from '../../values/list.ts'
import type { Int } from '../../values/numbers.ts'

function patternOf(pattern: string): ReturnType<typeof compilePattern> {
  try {
    return compilePattern(pattern)
  } catch (error) {
    throw new CelError(`Illegal regex: ${error instanceof CelError ? error.message : error}`)
  }
}

function find(text: string, pattern: string): string {
  const matcher = patternOf(pattern).matcher(text)
  return matcher.find() ? (matcher.group() ?? '') : ''
}

/** All matches, or the first `most` where that is not negative. */
function findAll(text: string, pattern: string, most: Int = -1): ArrayList {
  const matcher = patternOf(pattern).matcher(text)
  const found: string[] = []
  while ((most < 0 || found.length < most) && matcher.find()) found.push(matcher.group() ?? '')
  return new ArrayList(found)
}

const list = listOf(stringType)

/** `find` and `findAll`. Behaviour: apiserver pkg/cel/library/regex.go. */
export const regexLibrary: Library = {
  functions: [
    func('find', member('string_find_string', [stringType, stringType], stringType, find, { patternArg: 1 })),
    func(
      'findAll',
      member(
        'string_find_all_string',
        [stringType, stringType],
        list,
        (text: string, pattern: string) => findAll(text, pattern),
        { patternArg: 1 },
      ),
      member('string_find_all_string_int', [stringType, stringType, intType], list, findAll, { patternArg: 1 }),
    ),
  ],
}
