/**
 * What plain words of YAML mean: as upstream's reader takes them, which is of YAML 1.1 (go.yaml.in/yaml/v2, resolve.go). Integers beyond
 * 2^53 are bigints.
 */
import {
  binaryTag,
  boolCoreTag,
  CORE_SCHEMA,
  DUMP_SCHEMA,
  defineScalarTag,
  intCoreTag,
  mergeTag,
  NOT_RESOLVED,
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

/** These are never written. */
const isNever = { identify: (): boolean => false }

/** Only where it is said to be one is a time more than text, and text it stays. */
const timeText = defineScalarTag(timestampTag.tagName, { ...isNever, implicit: false, resolve: source => source })
const binaryText = defineScalarTag(binaryTag.tagName, {
  ...isNever,
  implicit: false,
  resolve: source => Buffer.from(source, 'base64').toString(),
})
/** What nobody knows is text. */
const otherText = defineScalarTag('!', {
  ...isNever,
  implicit: false,
  matchByTagPrefix: true,
  resolve: source => source,
})

/** For reading. */
export const READ_SCHEMA = CORE_SCHEMA.withTags(exactInteger, wordBoolean, mergeTag, timeText, binaryText, otherText)
/** For writing: quotes what readers of YAML 1.1 would take for something else. */
export const WRITE_SCHEMA = DUMP_SCHEMA.withTags(exactInteger)
