/** Stored bytes that another API server wrote, as our own form. */
import { schemaOfKind } from '@canopus/api'
import {
  decodeProtobuf,
  isProtobuf,
  type KubeObject,
  parseApiVersion,
  parseJson,
  type StructSchema,
} from '@canopus/apimachinery'
import { asBuffer, stampedBytes } from './object-version.ts'

/** JSON without a revision inside, or an enveloped protobuf message. Throws where the bytes are neither. */
export function normalise(bytes: Uint8Array, revision: number): Uint8Array {
  const object = isProtobuf(bytes)
    ? (decodeProtobuf(schemaOf, bytes) as unknown as KubeObject)
    : (parseJson(asBuffer(bytes).toString()) as KubeObject)
  return stampedBytes({ ...object, metadata: object.metadata ?? {} }, revision)
}

function schemaOf(apiVersion: string, kind: string): StructSchema {
  const schema = schemaOfKind({ ...parseApiVersion(apiVersion), kind })
  if (schema === undefined) throw new Error(`no kind ${kind} in version ${apiVersion}`)
  return schema
}
