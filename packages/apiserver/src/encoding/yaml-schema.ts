/**
 * What plain words of YAML mean: as upstream's reader takes them, which is of YAML 1.1 (go.yaml.in/yaml/v2, resolve.go). Integers beyond
 * 2^53 are bigints.
 */
import { goQuote, YamlSyntaxError } from '@canopus/apimachinery'
import {
  binaryTag,
  boolCoreTag,
  CORE_SCHEMA,
  defineMappingTag,
  defineScalarTag,
  defineSequenceTag,
  floatCoreTag,
  intCoreTag,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  seqTag,
  timestampTag,
} from 'js-yaml'

const TRUE = 'y Y yes Yes YES on On ON true True TRUE'.split(' ')
const FALSE = 'n N no No NO off Off OFF false False FALSE'.split(' ')

const wordBoolean = defineScalarTag(boolCoreTag.tagName, {
  ...boolCoreTag,
  implicitFirstChars: [...new Set([...TRUE, ...FALSE].map(word => word[0]!))],
  resolve: source => (TRUE.includes(source) ? true : FALSE.includes(source) ? false : NOT_RESOLVED),
})

/** A leading zero makes a number octal; underscores may stand anywhere but in front. */
const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/

const exactInteger = defineScalarTag(intCoreTag.tagName, {
  ...intCoreTag,
  resolve(source) {
    const match = INTEGER.exec(source.replaceAll('_', ''))
    if (match === null) return NOT_RESOLVED
    const [, sign, hex, binary, octal, decimal] = match
    const text =
      hex !== undefined
        ? `0x${hex}`
        : binary !== undefined
          ? `0b${binary}`
          : octal !== undefined
            ? `0o${octal}`
            : decimal!
    const whole = sign === '-' ? -BigInt(text) : BigInt(text)
    // Beyond 64 bits Go goes on with floating point.
    if (BigInt.asIntN(64, whole) !== whole && BigInt.asUintN(64, whole) !== whole) {
      return decimal === undefined ? NOT_RESOLVED : Number(whole)
    }
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole
  },
  identify: value => typeof value === 'bigint' || intCoreTag.identify?.(value) === true,
  represent: value => String(value),
})

/** Underscores may stand anywhere but in front, and digits on one side of the point alone. */
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/

const looseFloat = defineScalarTag(floatCoreTag.tagName, {
  ...floatCoreTag,
  resolve(source, isExplicit, tagName) {
    const plain = source.startsWith('_') ? source : source.replaceAll('_', '')
    return FLOAT.test(plain)
      ? floatCoreTag.resolve(plain, isExplicit, tagName)
      : floatCoreTag.resolve(source, isExplicit, tagName)
  },
})

/** These are never written. */
const isNever = { identify: (): boolean => false }

/** Only where it is said to be one is a time more than text, and text it stays. */
const timeText = defineScalarTag(timestampTag.tagName, { ...isNever, implicit: false, resolve: source => source })
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const binaryText = defineScalarTag(binaryTag.tagName, {
  ...isNever,
  implicit: false,
  resolve(source) {
    const text = source.replace(/[\r\n]/g, '')
    if (!BASE64.test(text)) throw new YamlSyntaxError('yaml: !!binary value contains invalid base64 data')
    return Buffer.from(text, 'base64').toString()
  },
})

/** Maps have texts for keys, as upstream writes what is none (sigs.k8s.io/yaml, convertToJSONableObject). */
const textKeys = {
  ...mapTag,
  addPair: (container: object, key: unknown, value: unknown): string => {
    if (key === null) {
      throw new YamlSyntaxError(`unsupported map key of type: %!s(<nil>), key: <nil>, value: ${goSyntax(value)}`)
    }
    if (typeof key === 'object') throw new YamlSyntaxError(`yaml: invalid map key: ${goSyntax(key)}`)
    return mapTag.addPair(container as never, keyText(key), value)
  },
  has: (container: object, key: unknown): boolean => mapTag.has(container as never, keyText(key)),
  get: (container: object, key: unknown): unknown => mapTag.get(container as never, keyText(key)),
}
const map = defineMappingTag(mapTag.tagName, textKeys)

/** Go counts the precision of a key as if it had 32 bits. */
function keyText(key: unknown): unknown {
  if (typeof key !== 'number' || Number.isSafeInteger(key)) return Object.is(key, -0) ? '-0' : key
  if (!Number.isFinite(key)) return Number.isNaN(key) ? '.nan' : key > 0 ? '.inf' : '-.inf'
  const single = Math.fround(key)
  if (!Number.isFinite(single)) return single > 0 ? '.inf' : '-.inf'
  const digits = [1, 2, 3, 4, 5, 6, 7, 8, 9].find(each => Math.fround(Number(single.toPrecision(each))) === single) ?? 9
  const [mantissa, exponent] = single.toExponential(digits - 1).split('e') as [string, string]
  const power = Number(exponent)
  if (power >= -4 && power < 6) return Number(single.toPrecision(digits)).toString()
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

/** A value as Go's `%#v` prints it, where that is short. */
function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)'
  if (typeof value === 'string') return goQuote(value)
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (typeof value !== 'object') return String(value)
  const members = Object.entries(value).map(([key, each]) => `${goQuote(key)}:${goSyntax(each)}`)
  return `map[interface {}]interface {}{${members.join(', ')}}`
}

/** What nobody knows is text, a list or a map, as it looks. */
const others = ['!', 'tag:'].flatMap(prefix => [
  defineScalarTag(prefix, { ...isNever, implicit: false, matchByTagPrefix: true, resolve: source => source }),
  defineSequenceTag(prefix, { ...seqTag, ...isNever, matchByTagPrefix: true }),
  defineMappingTag(prefix, { ...textKeys, ...isNever, matchByTagPrefix: true }),
])

/** For reading. */
export const READ_SCHEMA = CORE_SCHEMA.withTags(
  exactInteger,
  looseFloat,
  wordBoolean,
  mergeTag,
  timeText,
  binaryText,
  map,
  ...others,
)
/** What is written as it is only in quotes: it would be read as something else. */
const NULLS = new Set(['', '~', 'null', 'Null', 'NULL'])
const WORDS = new Set([...TRUE, ...FALSE])
const TIME =
  /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt]\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:Z|[-+]\d\d:\d\d)|\s+\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?)?$/
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/

/** Whether a text without quotes is read as text, by readers of YAML 1.1 of any kind. */
export function isPlainText(text: string): boolean {
  if (NULLS.has(text) || WORDS.has(text)) return false
  if (!/^[-+.0-9]/.test(text)) return true
  if (TIME.test(text) || BASE_60.test(text)) return false
  const isNumber = (tag: typeof exactInteger): boolean => tag.resolve(text, false, tag.tagName) !== NOT_RESOLVED
  return !isNumber(exactInteger) && !isNumber(looseFloat as unknown as typeof exactInteger)
}
