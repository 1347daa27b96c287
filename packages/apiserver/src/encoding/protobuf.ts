/** Messages of the facts table in protobuf, by the table's names. */

import { schemas } from '@canopus/api'
import { encodeMessage as encode } from '@canopus/apimachinery'

/** Without envelope. */
export function encodeMessage(message: string, object: unknown): Uint8Array {
  return encode(schemas.schemaOf(message), object)
}
