/**
 * The formats that are enforced on strings (k8s.io/apiextensions-apiserver/pkg/apiserver/validation/formats.go); unknown
 * ones are ignored.
 */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  isIpv4,
  isIpv6,
  parseCidr,
  parseDurationNanoseconds,
} from '@canopus/apimachinery'

type Check = (text: string) => boolean

const matching =
  (pattern: RegExp): Check =>
  text =>
    pattern.test(text)

function uuid(version: string): Check {
  const variant = version === '4' || version === '5' ? '[89ab]' : '[0-9a-f]'
  const third = version === '' ? '[0-9a-f]{4}' : `${version}[0-9a-f]{3}`
  return matching(new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${third}-?${variant}[0-9a-f]{3}-?[0-9a-f]{12}$`, 'i'))
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[tT ](\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?(?:[zZ]|[+-]\d{2}:?\d{2})?$/

function isDate(text: string): boolean {
  const match = DATE.exec(text)
  if (match === null) return false
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number]
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function isDateTime(text: string): boolean {
  const match = DATE_TIME.exec(text)
  if (match === null) return false
  return isDate(match[1]!) && Number(match[2]) < 24 && Number(match[3]) < 60 && Number(match[4] ?? 0) < 61
}

const isDuration: Check = text =>
  parseDurationNanoseconds(text) !== undefined ||
  /^\s*\d+\s*(ns|nano|us|µs|micro|ms|milli|s|sec|m|min|h|hr|hour|d|day|w|wk|week)s?\s*$/i.test(text)

function isUri(text: string): boolean {
  return text.startsWith('/') || /^[a-z][a-z0-9+.-]*:[^\s]+$/i.test(text)
}

const dateTime: Check = isDateTime
const ISBN10 = /^(?:\d[- ]?){9}[\dXx]$/
const ISBN13 = /^(?:\d[- ]?){13}$/

/** Format names are compared without dashes, as upstream's registry does. */
const FORMATS: Readonly<Record<string, Check>> = {
  bsonobjectid: matching(/^[0-9a-f]{24}$/i),
  uri: isUri,
  email: matching(/^[^\s@"<>]+@[^\s@.]+(\.[^\s@.]+)*$/),
  hostname: matching(/^(?=.{1,255}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i),
  ipv4: isIpv4,
  ipv6: isIpv6,
  cidr: text => parseCidr(text) !== undefined,
  mac: matching(/^([0-9a-f]{2}([:-])([0-9a-f]{2}\2){4,6}[0-9a-f]{2}|([0-9a-f]{4}\.){2,3}[0-9a-f]{4})$/i),
  uuid: uuid(''),
  uuid3: uuid('3'),
  uuid4: uuid('4'),
  uuid5: uuid('5'),
  isbn: text => ISBN10.test(text) || ISBN13.test(text),
  isbn10: matching(ISBN10),
  isbn13: matching(ISBN13),
  creditcard: matching(/^(?:\d[ -]?){13,19}$/),
  ssn: matching(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: matching(/^#?([0-9a-f]{3}|[0-9a-f]{6})$/i),
  rgbcolor: matching(/^rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)$/i),
  byte: matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  date: isDate,
  duration: isDuration,
  datetime: dateTime,
  k8sshortname: text => checkDns1123Label(text).length === 0,
  k8slongname: text => checkDns1123Subdomain(text).length === 0,
}

/** Formats of numbers, by their types; all others are those of texts. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
}

/** Whether the format means something for values of the type, or of any where it has none (GetUnrecognizedFormats). */
export function isFormatOf(type: string | undefined, format: string): boolean {
  if (!type || type === 'string') return format === 'password' || isKnownFormat(format)
  return NUMBERS[type]?.includes(format) ?? false
}

/** Whether texts are held to the format. */
export const isKnownFormat = (format: string): boolean => Object.hasOwn(FORMATS, format.replaceAll('-', ''))

/** Whether the text has the format; true for formats that nobody knows. */
export function hasFormat(format: string, text: string): boolean {
  return isKnownFormat(format) ? FORMATS[format.replaceAll('-', '')]!(text) : true
}
