/** Messages of gRPC services that programs beside the API server answer. */
import protobuf from 'protobufjs/light.js'

export interface Codec<T> {
  encode(message: T): Buffer
  decode(bytes: Uint8Array): T
}

/** Fields of a message: the number and the type of each. */
export const fields = (all: Record<string, [id: number, type: string]>) => ({
  fields: Object.fromEntries(Object.entries(all).map(([name, [id, type]]) => [name, { id, type }])),
})

/** Looks a message of these up by its name. */
export function codecsOf(nested: object): <T>(name: string) => Codec<T> {
  const root = protobuf.Root.fromJSON({ nested } as protobuf.INamespace)
  return <T>(name: string): Codec<T> => {
    const type = root.lookupType(name)
    return {
      encode: message => Buffer.from(type.encode(message as Record<string, unknown>).finish()),
      decode: bytes => type.decode(bytes) as unknown as T,
    }
  }
}
