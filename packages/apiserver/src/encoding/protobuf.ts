/** Messages of the facts table in protobuf. */

export function encodeMessage(_message: string, _object: unknown): Uint8Array {
  throw new Error('protobuf is not there yet')
}

export function decodeMessage(_message: string, _bytes: Uint8Array): Record<string, unknown> {
  throw new Error('protobuf is not there yet')
}
