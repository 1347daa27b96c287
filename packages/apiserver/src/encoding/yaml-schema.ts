/** YAML's integers, with those beyond 2^53 as bigints. */
import { CORE_SCHEMA, DUMP_SCHEMA, defineScalarTag, intCoreTag, NOT_RESOLVED } from 'js-yaml'

const exactInteger = defineScalarTag(intCoreTag.tagName, {
  ...intCoreTag,
  resolve(source, explicit, tagName) {
    const value = intCoreTag.resolve(source, explicit, tagName)
    if (value === NOT_RESOLVED || Number.isSafeInteger(value) || !/^[-+]?[0-9]+$/.test(source)) return value
    const whole = BigInt(source.replace('+', ''))
    return BigInt.asIntN(64, whole) === whole ? whole : value
  },
  identify: value => typeof value === 'bigint' || intCoreTag.identify?.(value) === true,
  represent: value => String(value),
})

/** For reading. */
export const READ_SCHEMA = CORE_SCHEMA.withTags(exactInteger)
/** For writing: quotes what readers of YAML 1.1 would take for something else. */
export const WRITE_SCHEMA = DUMP_SCHEMA.withTags(exactInteger)
