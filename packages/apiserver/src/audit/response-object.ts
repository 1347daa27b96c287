/** The object in an answer, read back from the bytes that are about to be sent. */
import { schemaOfKind } from '@canopus/api'
import { decodeProtobuf, isProtobuf, parseApiVersion, parseJson, type Status } from '@canopus/apimachinery'
import { yamlToJson } from '../encoding/yaml.ts'
import type { ApiResponse } from '../http/message.ts'

/** `undefined` where the answer is no object, or a stream of them. */
export function responseObject({ headers, body }: ApiResponse): unknown {
  if (body === undefined) return undefined
  const type = String(headers['content-type'] ?? '')
  const bytes = body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : joined(body)
  try {
    if (type.startsWith('application/json')) return parseJson(bytes.toString())
    if (type.startsWith('application/yaml')) return parseJson(yamlToJson(bytes).json)
    return isProtobuf(bytes) ? decodeProtobuf(schemaOf, bytes) : undefined
  } catch {
    // Raw protobuf of kinds that have no schema here: the event goes out without.
    return undefined
  }
}

const joined = (pieces: readonly Uint8Array[]): Buffer => Buffer.concat(pieces)

function schemaOf(apiVersion: string, kind: string) {
  const schema = schemaOfKind({ ...parseApiVersion(apiVersion), kind })
  if (schema === undefined) throw new Error(`no kind ${kind} in version ${apiVersion}`)
  return schema
}

export function statusOf(object: unknown): Status | undefined {
  const isStatus = typeof object === 'object' && object !== null && 'kind' in object && object.kind === 'Status'
  return isStatus ? (object as unknown as Status) : undefined
}

interface Holder {
  metadata?: { managedFields?: unknown }
  items?: Holder[]
  rows?: { object?: Holder }[]
}

/** The same without `managedFields`, in lists and tables too. */
export function withoutManagedFields<T>(object: T): T {
  const { metadata, items, rows } = object as Holder
  const result: Holder = { ...(object as Holder) }
  if (metadata?.managedFields !== undefined) {
    const { managedFields: _, ...rest } = metadata
    result.metadata = rest
  }
  if (Array.isArray(items)) result.items = items.map(withoutManagedFields)
  if (Array.isArray(rows)) {
    result.rows = rows.map(row => (row.object ? { ...row, object: withoutManagedFields(row.object) } : row))
  }
  return result as T
}
