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
/** Any character may stand before the fraction. */
const TIME = /^(\d{2}):(\d{2}):(\d{2})(?:.\d+)?(?:z|[+-]\d{2}:\d{2})$/u

function isDate(text: string): boolean {
  const match = DATE.exec(text)
  if (match === null) return false
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number]
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function isDateTime(text: string): boolean {
  const [date, time] = text.toLowerCase().split('t') as [string, string | undefined]
  const match = time === undefined || !isDate(date) ? null : TIME.exec(time)
  return match !== null && match[1]! <= '23' && match[2]! <= '59' && match[3]! <= '59'
}

/** Each unit by its names, of which the last may have more behind it (`days`). */
const UNITS = ['ns nano', 'us µs micro', 'ms milli', 's sec', 'm min', 'h hr hour', 'd day', 'w wk week'].map(names =>
  names.split(' '),
)
const isUnit = (text: string): boolean =>
  UNITS.some(names => names.includes(text) || text.startsWith(names[names.length - 1]!))

/** As Go has them, or anything with a number and a unit somewhere in it. */
const isDuration: Check = text =>
  parseDurationNanoseconds(text) !== undefined ||
  [...text.matchAll(/\d+\s*([A-Za-zµ]+)/g)].some(([, unit]) => isUnit(unit!.toLowerCase()))

function isUri(text: string): boolean {
  return text.startsWith('/') || /^[a-z][a-z0-9+.-]*:[^\s]+$/i.test(text)
}

/** One label, or several of which the last is made of letters alone. Symbols and letters of all scripts count. */
const LABEL = String.raw`[a-zA-Z0-9\p{S}\p{L}]`
const HOST = new RegExp(
  `^(?:${LABEL}-?${LABEL}{0,62}|(?:${LABEL}(?:[-a-zA-Z0-9\\p{S}\\p{L}]{0,61}${LABEL})?\\.)+[a-zA-Z\\p{L}]{2,63})$`,
  'u',
)
const bytes = (text: string): number => new TextEncoder().encode(text).length
const isHostname: Check = text =>
  HOST.test(text) && bytes(text) <= 255 && text.split('.').every(label => bytes(label) <= 63)

/** With a name before it, too. */
const isEmail: Check = text => {
  const address = /^[^<>]*<([^<>]*)>$/.exec(text)?.[1] ?? text
  return /^(?:"(?:[^"\\]|\\.)*"|[^\s@"<>]+)@[^\s@.]+(\.[^\s@.]+)*$/.test(address)
}

/** What is an address of IPv6 that ends like one of IPv4 counts too. */
const isDotted: Check = text => isIpv4(text) || (text.includes('.') && isIpv6(text))

const bare = (text: string): string => text.replaceAll(/[\s-]+/g, '')

const isIsbn10: Check = text => {
  const digits = bare(text)
  if (!/^\d{9}[\dX]$/.test(digits)) return false
  const sum = [...digits].reduce((all, digit, index) => all + (index + 1) * (digit === 'X' ? 10 : Number(digit)), 0)
  return sum % 11 === 0
}

const isIsbn13: Check = text => {
  const digits = bare(text)
  if (!/^\d{13}$/.test(digits)) return false
  return [...digits].reduce((all, digit, index) => all + (index % 2 === 0 ? 1 : 3) * Number(digit), 0) % 10 === 0
}

/** How numbers of the known issuers begin, and how long they are. */
const CARDS: readonly RegExp[] = [
  /^4\d{12}(?:\d{3})?$/,
  /^5[1-5]\d{14}$/,
  /^(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}$/,
  /^6(?:011|5\d\d)\d{12}$/,
  /^6[27]\d{14}$/,
  /^3[47]\d{13}$/,
  /^3(?:0[0-5]|[68]\d)\d{11}$/,
  /^(?:2131|1800|35\d{3})\d{11}$/,
]

/** Luhn's sum: from the right, every second digit counts twice. */
const isCreditCard: Check = text => {
  const digits = bare(text)
  if (!CARDS.some(card => card.test(digits))) return false
  const sum = [...digits].reverse().reduce((all, digit, index) => {
    const twice = Number(digit) * (index % 2 === 0 ? 1 : 2)
    return all + (twice > 9 ? twice - 9 : twice)
  }, 0)
  return sum % 10 === 0
}

/** In pairs with colons or dashes, in fours with dots, or bare; of 6, 8 or 20 bytes. */
const MAC_BYTES = [6, 8, 20]
const isMac: Check = text =>
  MAC_BYTES.some(size =>
    [`([0-9a-f]{2}:){${size - 1}}`, `([0-9a-f]{2}-){${size - 1}}`, `([0-9a-f]{2}){${size - 1}}`]
      .map(start => `${start}[0-9a-f]{2}`)
      .concat(`([0-9a-f]{4}\\.){${size / 2 - 1}}[0-9a-f]{4}`)
      .some(form => new RegExp(`^${form}$`, 'i').test(text)),
  )

const dateTime: Check = isDateTime

/** Format names are compared without dashes, as upstream's registry does. */
const FORMATS: Readonly<Record<string, Check>> = {
  bsonobjectid: matching(/^[0-9a-f]{24}$/i),
  uri: isUri,
  email: isEmail,
  hostname: isHostname,
  ipv4: isDotted,
  ipv6: isIpv6,
  cidr: text => parseCidr(text) !== undefined,
  mac: isMac,
  uuid: uuid(''),
  uuid3: uuid('3'),
  uuid4: uuid('4'),
  uuid5: uuid('5'),
  isbn: text => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: matching(/^\d{3}[- ]\d{2}[- ]\d{4}$/),
  hexcolor: matching(/^#?([0-9a-f]{3}|[0-9a-f]{6})$/i),
  rgbcolor: text => {
    const parts = /^rgb\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(text)?.slice(1) ?? ['x']
    return parts.every(each => /^(?:0|[1-9]\d{0,2})$/.test(each) && Number(each) < 256)
  },
  byte: text => text !== '' && /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text),
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
