import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
  GoUrlError,
  maskTrailingDash,
  type NameCheck,
  parseRequestUri,
} from '@canopus/apimachinery'
import { func, member, overload } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { typesByName } from '../../stdlib/index.ts'
import { listOf, optionalOf, stringType, structType } from '../../types/type.ts'
import { ArrayList } from '../../values/list.ts'
import { daysIn, parseTimestamp } from '../../values/time.ts'
import { OpaqueValue, OptionalValue, type Value } from '../../values/value.ts'

export const formatType = structType('kubernetes.NamedFormat')

/** A format that strings can be checked against. `patternSize` stands for the length of its pattern in costs. */
export class FormatValue extends OpaqueValue {
  readonly type = formatType
  readonly name: string
  readonly patternSize: number
  readonly problems: NameCheck

  constructor(name: string, patternSize: number, problems: NameCheck) {
    super()
    this.name = name
    this.patternSize = patternSize
    this.problems = problems
  }

  equals(other: Value): boolean {
    return other instanceof FormatValue && other.name === this.name
  }
}

const asPrefix =
  (check: NameCheck): NameCheck =>
  text =>
    check(maskTrailingDash(text))

const test =
  (holds: (text: string) => boolean, message: string): NameCheck =>
  text =>
    holds(text) ? [] : [message]

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const DATE_TIME = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$/

function isDate(text: string): boolean {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  if (parts === null) return false
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number]
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

/** As the library that upstream uses (go-openapi/strfmt): a date, `t`, and a time with a zone. */
function isDateTime(text: string): boolean {
  if (text.length < 4) return false
  const parts = text.toLowerCase().split('t')
  if (parts.length < 2 || !isDate(parts[0]!)) return false
  return DATE_TIME.test(parts[1]!) && parseTimestamp(text.toUpperCase()) !== undefined
}

function uriProblems(text: string): string[] {
  try {
    parseRequestUri(text)
    return []
  } catch (error) {
    if (!(error instanceof GoUrlError)) throw error
    return [error.message]
  }
}

/** Lengths of the patterns of strfmt, which costs go by. */
const UUID_PATTERN_SIZE = 80
const DATE_TIME_PATTERN_SIZE = 83

const formats: Readonly<Record<string, FormatValue>> = {
  dns1123Label: new FormatValue('DNS1123Label', 30, checkDns1123Label),
  dns1123Subdomain: new FormatValue('DNS1123Subdomain', 60, checkDns1123Subdomain),
  dns1035Label: new FormatValue('DNS1035Label', 30, checkDns1035Label),
  qualifiedName: new FormatValue('QualifiedName', 60, checkQualifiedName),
  dns1123LabelPrefix: new FormatValue('DNS1123LabelPrefix', 30, asPrefix(checkDns1123Label)),
  dns1123SubdomainPrefix: new FormatValue('DNS1123SubdomainPrefix', 60, asPrefix(checkDns1123Subdomain)),
  dns1035LabelPrefix: new FormatValue('DNS1035LabelPrefix', 30, asPrefix(checkDns1035Label)),
  labelValue: new FormatValue('LabelValue', 40, checkLabelValue),
  uri: new FormatValue('URI', 1103, uriProblems),
  uuid: new FormatValue(
    'uuid',
    UUID_PATTERN_SIZE,
    test(text => UUID.test(text), 'does not match the UUID format'),
  ),
  byte: new FormatValue(
    'byte',
    84,
    test(text => text !== '' && BASE64.test(text), 'invalid base64'),
  ),
  date: new FormatValue('date', DATE_TIME_PATTERN_SIZE, test(isDate, 'invalid date')),
  datetime: new FormatValue('datetime', DATE_TIME_PATTERN_SIZE, test(isDateTime, 'invalid datetime')),
}

function validate(format: FormatValue, text: string): OptionalValue {
  const problems = format.problems(text)
  return problems.length === 0 ? OptionalValue.none : new OptionalValue(new ArrayList(problems))
}

function named(name: string): OptionalValue {
  return Object.hasOwn(formats, name) ? new OptionalValue(formats[name]) : OptionalValue.none
}

/** `format.dns1123Label().validate(name)` and so on. Behaviour: apiserver pkg/cel/library/format.go. */
export const formatLibrary: Library = {
  types: typesByName([formatType]),
  functions: [
    func('validate', member('format-validate', [formatType, stringType], optionalOf(listOf(stringType)), validate)),
    func('format.named', overload('format-named', [stringType], optionalOf(formatType), named)),
    ...Object.entries(formats).map(([name, format]) =>
      func(
        `format.${name}`,
        overload(`format.${name}`, [], formatType, () => format),
      ),
    ),
  ],
}
