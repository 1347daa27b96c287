import { func, member, overload } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { typesByName } from '../../stdlib/index.ts'
import { boolType, intType, stringType, structType } from '../../types/type.ts'
import { CelError } from '../../values/error.ts'
import { type Int, toInt } from '../../values/numbers.ts'
import { OpaqueValue, type Value } from '../../values/value.ts'

export const semverType = structType('kubernetes.Semver')

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint]
  readonly prerelease: readonly string[]
}

export class SemverValue extends OpaqueValue {
  readonly type = semverType
  readonly version: Version

  constructor(version: Version) {
    super()
    this.version = version
  }

  equals(other: Value): boolean {
    return other instanceof SemverValue && compare(this, other) === 0
  }
}

const isNumber = (text: string): boolean => /^\d+$/.test(text)

/** Reads a version, strictly. Throws CelError in the words of the library that upstream uses (blang/semver). */
export function parseSemver(text: string): SemverValue {
  if (text === '') throw new CelError('Version string empty')
  const parts = text.split('.')
  if (parts.length < 3) throw new CelError('No Major.Minor.Patch elements found')
  const [major, minor] = parts as [string, string]
  const rest = parts.slice(2).join('.')
  const [, patch, prerelease, build] = /^([^+-]*)(?:-([^+]*))?(?:\+(.*))?$/s.exec(rest)!
  const numbers = [number('Major', major), number('Minor', minor), number('Patch', patch!)] as const
  const identifiers = prerelease === undefined ? [] : prerelease.split('.')
  for (const identifier of identifiers) checkIdentifier(identifier)
  for (const identifier of build?.split('.') ?? []) {
    if (identifier === '') throw new CelError('Build meta data is empty')
    if (!/^[0-9A-Za-z-]+$/.test(identifier)) {
      throw new CelError(`Invalid character(s) found in build meta data ${JSON.stringify(identifier)}`)
    }
  }
  return new SemverValue({ numbers, prerelease: identifiers })
}

function number(name: string, text: string): bigint {
  if (!isNumber(text))
    throw new CelError(`Invalid character(s) found in ${name.toLowerCase()} number ${JSON.stringify(text)}`)
  if (text.length > 1 && text.startsWith('0')) {
    throw new CelError(`${name} number must not contain leading zeroes ${JSON.stringify(text)}`)
  }
  const value = BigInt(text)
  if (value >= 2n ** 64n) throw new CelError(`strconv.ParseUint: parsing ${JSON.stringify(text)}: value out of range`)
  return value
}

function checkIdentifier(text: string): void {
  if (text === '') throw new CelError('Prerelease is empty')
  if (isNumber(text) && text.length > 1 && text.startsWith('0')) {
    throw new CelError(`Numeric PreRelease version must not contain leading zeroes ${JSON.stringify(text)}`)
  }
  if (!/^[0-9A-Za-z-]+$/.test(text)) {
    throw new CelError(`Invalid character(s) found in prerelease ${JSON.stringify(text)}`)
  }
}

/** `v1.2` as `1.2.0`, `01.02.03` as `1.2.3`. */
function normalize(text: string): string {
  const parts = text.replace(/^v/, '').split('.')
  const three = parts.length > 3 ? [...parts.slice(0, 2), parts.slice(2).join('.')] : parts
  const trimmed = three.map(part => {
    if (part.length <= 1) return part
    const bare = part.replace(/^0+/, '')
    return /^\d/.test(bare) ? bare : `0${bare}`
  })
  if (trimmed.length < 3 && /[+-]/.test(trimmed.at(-1)!)) {
    throw new CelError('short version cannot contain PreRelease/Build meta data')
  }
  while (trimmed.length < 3) trimmed.push('0')
  return trimmed.join('.')
}

const toSemver = (text: string, normalized = false): SemverValue => parseSemver(normalized ? normalize(text) : text)

function isSemver(text: string, normalized = false): boolean {
  try {
    toSemver(text, normalized)
    return true
  } catch {
    return false
  }
}

/** Order of versions; what is built from them does not count. */
function compare({ version: a }: SemverValue, { version: b }: SemverValue): number {
  for (const [index, left] of a.numbers.entries()) {
    const right = b.numbers[index]!
    if (left !== right) return left < right ? -1 : 1
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return Math.sign(b.prerelease.length - a.prerelease.length)
  }
  for (const [index, left] of a.prerelease.entries()) {
    const right = b.prerelease[index]
    if (right === undefined) return 1
    const order = compareIdentifiers(left, right)
    if (order !== 0) return order
  }
  return a.prerelease.length < b.prerelease.length ? -1 : 0
}

function compareIdentifiers(a: string, b: string): number {
  if (a === b) return 0
  if (isNumber(a) && isNumber(b)) return BigInt(a) < BigInt(b) ? -1 : 1
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1
  return a < b ? -1 : 1
}

const v = semverType
const part =
  (index: 0 | 1 | 2) =>
  ({ version }: SemverValue): Int =>
    toInt(BigInt.asIntN(64, version.numbers[index]))

/** `semver('1.2.3').isLessThan(...)` and so on. Behaviour: apiserver pkg/cel/library/semverlib.go, version 1. */
export const semverLibrary: Library = {
  types: typesByName([semverType]),
  functions: [
    func(
      'semver',
      overload('string_to_semver', [stringType], v, (text: string) => toSemver(text)),
      overload('string_bool_to_semver', [stringType, boolType], v, toSemver),
    ),
    func(
      'isSemver',
      overload('is_semver_string', [stringType], boolType, (text: string) => isSemver(text)),
      overload('is_semver_string_bool', [stringType, boolType], boolType, isSemver),
    ),
    func(
      'isGreaterThan',
      member('semver_is_greater_than', [v, v], boolType, (a: SemverValue, b: SemverValue) => compare(a, b) > 0),
    ),
    func(
      'isLessThan',
      member('semver_is_less_than', [v, v], boolType, (a: SemverValue, b: SemverValue) => compare(a, b) < 0),
    ),
    func('compareTo', member('semver_compare_to', [v, v], intType, compare)),
    func('major', member('semver_major', [v], intType, part(0))),
    func('minor', member('semver_minor', [v], intType, part(1))),
    func('patch', member('semver_patch', [v], intType, part(2))),
  ],
}
