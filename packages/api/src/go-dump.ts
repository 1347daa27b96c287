/**
 * Values as Go's own structures print themselves, which upstream hashes for names and labels of pod templates
 * (k8s.io/apimachinery/pkg/util/dump: ForHash). Knows what templates of pods are made of.
 */
import type { Field, Schema, StructSchema } from '@canopus/apimachinery'
import { membersOf } from './go-structs.ts'

type Plain = Readonly<Record<string, unknown>>

/** `value` with its type, as the outermost one is printed. Empty lists and maps are those that are not there. */
export const goDump = (schema: Schema, value: unknown): string => `(${schema.goType})${bare(schema, value)}`

function bare(schema: Schema, value: unknown): string {
  switch (schema.type) {
    case 'struct':
      return structText(schema, (value ?? {}) as Plain)
    case 'list':
      return isEmpty(value) ? '<nil>' : `[${(value as unknown[]).map(each => bare(schema.items, each)).join(' ')}]`
    case 'map':
      return isEmpty(value) ? '<nil>' : `map[${entries(value as Plain, schema.values)}]`
    case 'quantity':
      return quantityText(value as string | undefined)
    case 'intOrString':
      return intOrStringText(value as number | string | undefined)
    case 'time':
      return '{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}'
    case 'string':
      return String(value ?? '')
    case 'bool':
      return String(value ?? false)
    default:
      return String(value ?? 0)
  }
}

const isEmpty = (value: unknown): boolean =>
  typeof value !== 'object' || value === null || Object.keys(value).length === 0

const entries = (map: Plain, values: Schema): string =>
  Object.keys(map)
    .sort()
    .map(key => `${key}:${bare(values, map[key])}`)
    .join(' ')

function structText(schema: StructSchema, value: Plain): string {
  return `{${membersOf(schema)
    .map(({ name, field }) => `${name}:${fieldText(field, field.inline ? value : value[field.name])}`)
    .join(' ')}}`
}

function fieldText({ schema, pointer }: Field, value: unknown): string {
  if (!pointer) return goDump(schema, value)
  return `(*${schema.goType})${value === undefined || value === null ? '<nil>' : bare(schema, value)}`
}

const QUANTITY = /^([+-]?)(\d+)(?:(m|u|n|k|M|G|T|P|E)|([KMGTPE]i)|[eE]([+-]?\d+))?$/
const SCALES: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }

const MOST = 2n ** 63n - 1n

/** As it was read from its canonical form (k8s.io/apimachinery/pkg/api/resource: ParseQuantity). */
function quantityText(text: string | undefined): string {
  if (text === undefined) return quantity(0n, 0, '', '')
  const [, sign = '', digits = '0', decimal, binary, exponent] = QUANTITY.exec(text) ?? []
  const power = binary === undefined ? 0 : 10 * (1 + 'KMGTPE'.indexOf(binary[0]!))
  const format = binary !== undefined ? 'BinarySI' : exponent !== undefined ? 'DecimalExponent' : 'DecimalSI'
  const value = BigInt(digits) << BigInt(power)
  const scale = decimal === undefined ? Number(exponent ?? 0) : SCALES[decimal]!
  const room = binary === undefined ? 18 - digits.length : 14 - digits.length - Math.floor((power * 3) / 10)
  if (room < 0) return large(value, sign === '-', scale, format)
  const isKept = binary === undefined ? scale % 3 === 0 && !/^0.|000$/.test(digits) : BigInt(digits) % 8n !== 0n
  return quantity(sign === '-' ? -value : value, scale, isKept ? text : '', format)
}

const quantity = (value: bigint, scale: number, text: string, format: string): string =>
  `{i:(resource.int64Amount){value:(int64)${value} scale:(resource.Scale)${scale}} d:(resource.infDecAmount){Dec:(*inf.Dec)<nil>} s:(string)${text} Format:(resource.Format)${format}}`

/** What may not fit into 64 bits Go keeps in words of them, in billionths. */
function large(value: bigint, isNegative: boolean, scale: number, format: string): string {
  const isCapped = format === 'BinarySI' && value > MOST
  const words: bigint[] = []
  for (let left = isCapped ? MOST : value * 10n ** BigInt(9 + scale); left > 0n; left >>= 64n)
    words.push(BigInt.asUintN(64, left))
  const decimal = `(*inf.Dec){unscaled:(big.Int){neg:(bool)${isNegative} abs:(big.nat)[${words.join(' ')}]} scale:(inf.Scale)${isCapped ? 0 : 9}}`
  return `{i:(resource.int64Amount){value:(int64)0 scale:(resource.Scale)0} d:(resource.infDecAmount){Dec:${decimal}} s:(string) Format:(resource.Format)${format}}`
}

function intOrStringText(value: number | string | undefined = 0): string {
  const [type, number, text] = typeof value === 'number' ? [0, value, ''] : [1, 0, value]
  return `{Type:(intstr.Type)${type} IntVal:(int32)${number} StrVal:(string)${text}}`
}
