/** Profiles as pprof's tools read them (github.com/google/pprof/proto/profile.proto), before they are compressed. */
import { ProtobufWriter } from '@canopus/apimachinery'
import type { ProfiledFrame, ProfiledStack } from '@canopus/platform'

type ValueType = readonly [type: string, unit: string]

export interface PprofProfile {
  /** What the values of each stack are, in their order; the last is what tools show first. */
  readonly sampleTypes: readonly ValueType[]
  readonly stacks: readonly ProfiledStack[]
  /** When it was taken, in milliseconds since 1970. */
  readonly time: number
  readonly durationNanoseconds?: number
  readonly periodType?: ValueType
  readonly period?: number
}

const LENGTH = 2

/** Texts, functions and places in functions, each once. */
class Tables {
  readonly texts = new Map<string, number>([['', 0]])
  readonly functions = new Map<string, [id: number, name: number, file: number]>()
  readonly locations = new Map<string, [id: number, functionId: number, line: number]>()

  text(text: string): number {
    let index = this.texts.get(text)
    if (index === undefined) {
      index = this.texts.size
      this.texts.set(text, index)
    }
    return index
  }

  location({ name, url, line }: ProfiledFrame): number {
    const place = `${name}\n${url}`
    let own = this.functions.get(place)
    if (own === undefined) {
      own = [this.functions.size + 1, this.text(name), this.text(url)]
      this.functions.set(place, own)
    }
    const key = `${own[0]}:${line}`
    let location = this.locations.get(key)
    if (location === undefined) {
      location = [this.locations.size + 1, own[0], line]
      this.locations.set(key, location)
    }
    return location[0]
  }
}

export function pprofBytes(profile: PprofProfile): Uint8Array {
  const tables = new Tables()
  const types = profile.sampleTypes.map(type => type.map(word => tables.text(word)))
  const periodType = profile.periodType?.map(word => tables.text(word))
  const samples = profile.stacks.map(({ frames, values }) => ({
    places: frames.map(frame => tables.location(frame)),
    values,
  }))
  const writer = new ProtobufWriter(64 * 1024)
  // From the last field to the first.
  if (profile.period !== undefined) number(writer, 12, profile.period)
  if (periodType !== undefined) message(writer, 11, () => numbers(writer, periodType))
  number(writer, 10, profile.durationNanoseconds ?? 0)
  writer.varint(BigInt(Math.round(profile.time)) * 1_000_000n)
  writer.varint(9 * 8)
  for (const text of [...tables.texts.keys()].reverse()) {
    writer.varint(writer.text(text))
    writer.varint(6 * 8 + LENGTH)
  }
  for (const [id, name, file] of [...tables.functions.values()].reverse())
    message(writer, 5, () => numbers(writer, [id, name, name, file]))
  for (const [id, functionId, line] of [...tables.locations.values()].reverse())
    message(writer, 4, () => {
      message(writer, 4, () => numbers(writer, [functionId, line]))
      number(writer, 1, id)
    })
  for (const { places, values } of samples.reverse())
    message(writer, 2, () => {
      packed(writer, 2, values)
      packed(writer, 1, places)
    })
  for (const type of types.reverse()) message(writer, 1, () => numbers(writer, type))
  return writer.finish()
}

function number(writer: ProtobufWriter, field: number, value: number): void {
  writer.varint(BigInt(Math.round(value)))
  writer.varint(field * 8)
}

/** Fields 1, 2, 3 and so on, each a number. */
function numbers(writer: ProtobufWriter, values: readonly number[]): void {
  for (let index = values.length - 1; index >= 0; index--) number(writer, index + 1, values[index]!)
}

function message(writer: ProtobufWriter, field: number, write: () => void): void {
  const before = writer.written
  write()
  writer.varint(writer.written - before)
  writer.varint(field * 8 + LENGTH)
}

function packed(writer: ProtobufWriter, field: number, values: readonly number[]): void {
  message(writer, field, () => {
    for (let index = values.length - 1; index >= 0; index--) writer.varint(BigInt(Math.round(values[index]!)))
  })
}
