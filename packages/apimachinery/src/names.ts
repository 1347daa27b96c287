import { type Random, randomInt } from '@canopus/base'

/**
 * Checks of names and other short texts. Each answers what is wrong, one text per finding, empty where all is well; texts as
 * k8s.io/apimachinery/pkg/util/validation/validation.go and pkg/api/validate/content words them. Lengths are in bytes.
 */
export type NameCheck = (value: string) => string[]

const encoder = new TextEncoder()

/** Length in UTF-8 bytes, which is what upstream's limits count. */
export function byteLength(text: string): number {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return encoder.encode(text).length
  return text.length
}

/** `must be no more than N characters`. */
export const maxLengthMessage = (length: number): string => `must be no more than ${length} characters`
/** The same where labels, their keys and what is made of them are checked, which counts and says bytes (pkg/api/validate/content). */
const maxBytesMessage = (length: number): string => `must be no more than ${length} bytes`
/** `must be between A and B, inclusive`. */
export const rangeMessage = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`
export const EMPTY_MESSAGE = 'must be non-empty'

/** A rule in words, examples and the pattern behind it. */
export function patternMessage(rule: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${rule} (regex used for validation is '${pattern}')`
  return `${rule} (e.g. ${examples.map(each => `'${each}'`).join(',  or ')}, regex used for validation is '${pattern}')`
}

const label1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const subdomain1123 = `${label1123}(\\.${label1123})*`
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?'
const labelKeyName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const wholes = new Map<string, RegExp>()

/** That a text is all of a pattern; there are as many patterns as this file has. */
function whole(pattern: string): RegExp {
  let expression = wholes.get(pattern)
  if (expression === undefined) {
    expression = new RegExp(`^(?:${pattern})$`)
    wholes.set(pattern, expression)
  }
  return expression
}

/** Texts that no rule can admit are not worth the pattern's time. */
const fits = (pattern: RegExp, value: string): boolean => value.length < 100_000 && pattern.test(value)

const label1123Pattern = whole(label1123)
const subdomainPattern = whole(subdomain1123)
const label1035Pattern = whole(label1035)
const labelKeyPattern = whole(labelKeyName)
const labelValuePattern = whole(`(${labelKeyName})?`)

const label1123Rule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
const label1035Rule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character"
const labelKeyRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
const labelValueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

function limited(value: string, limit: number, message = maxLengthMessage): string[] {
  return byteLength(value) > limit ? [message(limit)] : []
}

/** A label by RFC 1123: container names, namespaces, ... */
export function checkDns1123Label(value: string): string[] {
  const errors = limited(value, 63)
  if (fits(label1123Pattern, value)) return errors
  if (fits(subdomainPattern, value)) return [...errors, 'must not contain dots']
  return [...errors, patternMessage(label1123Rule, label1123, 'my-name', '123-abc')]
}

/** A subdomain by RFC 1123: the names of most objects. */
export function checkDns1123Subdomain(value: string): string[] {
  return checkSubdomain(value, maxLengthMessage)
}

/** The same as declared in the types of a kind (`k8s-long-name`). */
export const checkLongName = (value: string): string[] => checkSubdomain(value, maxBytesMessage)

function checkSubdomain(value: string, message: typeof maxLengthMessage): string[] {
  const errors = limited(value, 253, message)
  if (fits(subdomainPattern, value)) return errors
  return [...errors, patternMessage(subdomainRule, subdomain1123, 'example.com')]
}

/** A label by RFC 1035: services and what becomes a variable's name. */
export function checkDns1035Label(value: string): string[] {
  const errors = limited(value, 63)
  if (fits(label1035Pattern, value)) return errors
  return [...errors, patternMessage(label1035Rule, label1035, 'my-name', 'abc-123')]
}

const wildcard = `\\*\\.${subdomain1123}`
const wildcardPattern = whole(wildcard)

/** `*.` before a subdomain: hosts of ingresses. */
export function checkWildcardDns1123Subdomain(value: string): string[] {
  const rule =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
  const errors = limited(value, 253)
  if (fits(wildcardPattern, value)) return errors
  return [...errors, patternMessage(rule, wildcard, '*.example.com')]
}

/** A label's or annotation's key: an optional subdomain with `/`, then a name. */
export function checkQualifiedName(value: string): string[] {
  if (passed.has(value)) return []
  const errors = checkNewQualifiedName(value)
  if (errors.length === 0 && value.length <= LONGEST_PASSED) {
    if (passed.size >= MOST_PASSED) passed.clear()
    passed.add(value)
  }
  return errors
}

/** Whether it is a key in which nothing was wrong before; others may be right too. */
export const isKnownName = (value: string): boolean => passed.has(value)

/** Keys in which nothing was wrong: nearly all objects of a cluster have the same few. */
const passed = new Set<string>()
const MOST_PASSED = 2048
const LONGEST_PASSED = 128

function checkNewQualifiedName(value: string): string[] {
  const message = patternMessage(labelKeyRule, labelKeyName, 'MyName', 'my.name', '123-abc')
  const parts = value.split('/')
  if (parts.length > 2) {
    return [`a valid label key ${message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const name = parts.at(-1)!
  const prefix = parts.length === 2 ? parts[0]! : undefined
  const errors: string[] = []
  if (prefix === '') errors.push(`prefix part ${EMPTY_MESSAGE}`)
  else if (prefix !== undefined)
    errors.push(...checkSubdomain(prefix, maxBytesMessage).map(each => `prefix part ${each}`))
  if (name === '') errors.push(`name part ${EMPTY_MESSAGE}`)
  else errors.push(...limited(name, 63, maxBytesMessage).map(each => `name part ${each}`))
  if (!fits(labelKeyPattern, name)) errors.push(`name part ${message}`)
  return errors
}

/** Whether `checkLabelValue` finds nothing. */
export const isLabelValue = (value: string): boolean => value.length <= 63 && fits(labelValuePattern, value)

/** The value of a label. */
export function checkLabelValue(value: string): string[] {
  const errors = limited(value, 63, maxBytesMessage)
  if (fits(labelValuePattern, value)) return errors
  return [...errors, patternMessage(labelValueRule, `(${labelKeyName})?`, 'MyValue', 'my_value', '12345')]
}

/** A name that can stand in a URL's path (RBAC objects, custom kinds that ask for nothing more). */
export function checkPathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`]
  return ['/', '%'].filter(each => value.includes(each)).map(each => `may not contain '${each}'`)
}

/** A C identifier, as in the names of service variables. */
export function checkCIdentifier(value: string): string[] {
  const pattern = '[A-Za-z_][A-Za-z0-9_]*'
  const rule =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'"
  return whole(pattern).test(value) ? [] : [patternMessage(rule, pattern, 'my_name', 'MY_NAME', 'MyName')]
}

function checkParentPrefix(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`]
  return value.startsWith('..') ? ["must not start with '..'"] : []
}

/** A key in a ConfigMap or Secret. */
export function checkConfigMapKey(value: string): string[] {
  const pattern = '[-._a-zA-Z0-9]+'
  const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
  const errors = limited(value, 253)
  if (!whole(pattern).test(value)) errors.push(patternMessage(rule, pattern, 'key.name', 'KEY_NAME', 'key-name'))
  return [...errors, ...checkParentPrefix(value)]
}

/** The name of an environment variable: printable ASCII without `=` (relaxed since 1.34). */
export function checkEnvVarName(value: string): string[] {
  const errors = value === '' ? [`environment variable name ${EMPTY_MESSAGE}`] : []
  if (!/^[ -<>-~]*$/.test(value)) {
    errors.push("a valid environment variable name must consist only of printable ASCII characters other than '='")
  }
  return errors
}

/** The name of a header in an HTTP probe. */
export function checkHttpHeaderName(value: string): string[] {
  const pattern = '[-A-Za-z0-9]+'
  const rule = "a valid HTTP header must consist of alphanumeric characters or '-'"
  return whole(pattern).test(value) ? [] : [patternMessage(rule, pattern, 'X-Header-Name')]
}

/** `33%`. */
export function checkPercent(value: string): string[] {
  const pattern = '[0-9]+%'
  const rule = "a valid percent string must be a numeric string followed by an ending '%'"
  return whole(pattern).test(value) ? [] : [patternMessage(rule, pattern, '1%', '93%')]
}

/** The name of a port: at most 15 of `[-a-z0-9]`, a letter among them. */
export function checkPortName(value: string): string[] {
  const errors = limited(value, 15)
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)')
  if (value.includes('--')) errors.push('must not contain consecutive hyphens')
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

/** 1 to 65535. */
export const checkPortNumber = (port: number): string[] => checkRange(port, 1, 65535)
/** 0 to 2^31-1: user and group numbers. */
export const checkUserId = (id: number): string[] => checkRange(id, 0, 2147483647)

export function checkRange(value: number, low: number, high: number): string[] {
  return value >= low && value <= high ? [] : [rangeMessage(low, high)]
}

/** What a generateName ends in, so that the rule for whole names can be asked about it. */
export function maskTrailingDash(prefix: string): string {
  return prefix.length > 1 && prefix.endsWith('-') ? `${prefix.slice(0, -2)}a` : prefix
}

/** The letters of generated suffixes: no vowels and none of 0, 1, 3, so that no words and no look-alikes appear. */
export const NAME_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789'
const longestGeneratedBase = 58
const suffixLength = 5

/** `length` random letters of `NAME_ALPHABET`. */
export function randomName(random: Random, length: number): string {
  let name = ''
  for (let i = 0; i < length; i++) name += NAME_ALPHABET[randomInt(random, NAME_ALPHABET.length)]
  return name
}

/** A name for `metadata.generateName`: at most 58 characters of it, then 5 random ones. */
export function generateName(random: Random, base: string): string {
  return base.slice(0, longestGeneratedBase) + randomName(random, suffixLength)
}
