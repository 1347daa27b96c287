import { parseGoBool } from '@canopus/apimachinery'
import { type FunctionDecl, func, overload } from '../check/declarations.ts'
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  stringType,
  timestampType,
  typeOfType,
  typeParam,
  uintType,
} from '../types/type.ts'
import { CelError } from '../values/error.ts'
import { doubleToInt, doubleToUint, type Int, toInt, toUint } from '../values/numbers.ts'
import {
  type Duration,
  formatDuration,
  formatTimestamp,
  makeTimestamp,
  parseDuration,
  parseTimestamp,
  type Timestamp,
} from '../values/time.ts'
import { Double, typeOf, type Uint, type Value } from '../values/value.ts'
import { formatGoFloat, parseGoFloat, parseGoInt, parseGoUint } from './go-numbers.ts'

const conversionError = (to: CelType): CelError => new CelError(`type conversion error from 'string' to '${to.name}'`)

/** The value, or the error of a string that is none. */
function read<T>(value: T | undefined, to: CelType): T {
  if (value === undefined) throw conversionError(to)
  return value
}

const identity = <T extends Value>(value: T): T => value
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function bytesToString(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string')
  }
}

function stringToInt(text: string): Int {
  try {
    return toInt(read(parseGoInt(text), intType))
  } catch {
    throw conversionError(intType)
  }
}

function stringToUint(text: string): Uint {
  try {
    return toUint(read(parseGoUint(text), uintType))
  } catch {
    throw conversionError(uintType)
  }
}

const a = typeParam('A')

/** Conversions between types. Behaviour: cel-go common/stdlib/standard.go and the types it names. */
export const conversions: readonly FunctionDecl[] = [
  func('type', overload('type', [a], typeOfType(a), typeOf)),
  func('dyn', overload('to_dyn', [a], dynType, identity)),
  func(
    'bool',
    overload('bool_to_bool', [boolType], boolType, identity),
    overload('string_to_bool', [stringType], boolType, (text: string) => read(parseGoBool(text), boolType)),
  ),
  func(
    'bytes',
    overload('bytes_to_bytes', [bytesType], bytesType, identity),
    overload('string_to_bytes', [stringType], bytesType, (text: string) => new TextEncoder().encode(text)),
  ),
  func(
    'double',
    overload('double_to_double', [doubleType], doubleType, identity),
    overload('int64_to_double', [intType], doubleType, (value: Int) => new Double(Number(value))),
    overload(
      'string_to_double',
      [stringType],
      doubleType,
      (text: string) => new Double(read(parseGoFloat(text), doubleType)),
    ),
    overload('uint64_to_double', [uintType], doubleType, (value: Uint) => new Double(Number(value.value))),
  ),
  func(
    'duration',
    overload('duration_to_duration', [durationType], durationType, identity),
    overload('string_to_duration', [stringType], durationType, (text: string) =>
      read(parseDuration(text), durationType),
    ),
  ),
  func(
    'int',
    overload('int64_to_int64', [intType], intType, identity),
    overload('double_to_int64', [doubleType], intType, (value: Double) => doubleToInt(value.value)),
    overload('duration_to_int64', [durationType], intType, (value: Duration) => toInt(value.nanos)),
    overload('string_to_int64', [stringType], intType, stringToInt),
    overload('timestamp_to_int64', [timestampType], intType, (value: Timestamp) => value.seconds),
    overload('uint64_to_int64', [uintType], intType, (value: Uint) => toInt(value.value)),
  ),
  func(
    'string',
    overload('string_to_string', [stringType], stringType, identity),
    overload('bool_to_string', [boolType], stringType, (value: boolean) => String(value)),
    overload('bytes_to_string', [bytesType], stringType, bytesToString),
    overload('double_to_string', [doubleType], stringType, (value: Double) => formatGoFloat(value.value)),
    overload('duration_to_string', [durationType], stringType, formatDuration),
    overload('int64_to_string', [intType], stringType, (value: Int) => String(value)),
    overload('timestamp_to_string', [timestampType], stringType, formatTimestamp),
    overload('uint64_to_string', [uintType], stringType, (value: Uint) => String(value.value)),
  ),
  func(
    'timestamp',
    overload('timestamp_to_timestamp', [timestampType], timestampType, identity),
    overload('int64_to_timestamp', [intType], timestampType, (value: Int) => makeTimestamp(Number(value), 0)),
    overload('string_to_timestamp', [stringType], timestampType, (text: string) =>
      read(parseTimestamp(text), timestampType),
    ),
  ),
  func(
    'uint',
    overload('uint64_to_uint64', [uintType], uintType, identity),
    overload('double_to_uint64', [doubleType], uintType, (value: Double) => doubleToUint(value.value)),
    overload('int64_to_uint64', [intType], uintType, (value: Int) => toUint(BigInt(value))),
    overload('string_to_uint64', [stringType], uintType, stringToUint),
  ),
]
