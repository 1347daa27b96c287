/** Objects that are too large to be stored (etcd's `--max-request-bytes`; k8s.io/apiserver/pkg/endpoints/handlers/rest.go). */
import { type Kind, schemas } from '@canopus/api'
import { encodeProtobuf, type KubeObject, StatusError } from '@canopus/apimachinery'

const LARGEST = 1.5 * 1024 * 1024
/** What etcd's client does not even send. */
const LARGEST_MESSAGE = 2 * 1024 * 1024

export class TooLargeError extends StatusError {
  constructor(bytes: number) {
    const message =
      bytes > LARGEST_MESSAGE
        ? `rpc error: code = ResourceExhausted desc = trying to send message larger than max (${bytes} vs. ${LARGEST_MESSAGE})`
        : 'etcdserver: request is too large'
    super({ code: 500, message })
  }
}

/**
 * `bytes` are what is to be stored of `object`, as JSON. Built-in kinds may take more: upstream stores them in protobuf, which is
 * shorter, and what fits there has to fit here. Throws TooLargeError.
 */
export function checkSize(kind: Kind, object: KubeObject, bytes: Uint8Array): void {
  if (bytes.length <= LARGEST) return
  const inProtobuf = kind.custom === undefined && kind.storedAs === undefined
  const size = inProtobuf ? encodeProtobuf(schemas.schemaOf(kind.message), object).length : bytes.length
  if (size > LARGEST) throw new TooLargeError(size)
}

/**
 * Writes an object, without the owners of its fields where it is too large with them: they may be longer than all the rest. Not
 * where somebody applies, who asks for them. Gives what was written too.
 */
export async function writeFitting<T>(
  object: KubeObject,
  applies: boolean,
  write: (object: KubeObject) => Promise<T>,
): Promise<{ result: T; written: KubeObject }> {
  try {
    return { result: await write(object), written: object }
  } catch (error) {
    if (!(error instanceof TooLargeError) || applies || object.metadata.managedFields === undefined) throw error
    const { managedFields: _, ...metadata } = object.metadata
    const written = { ...object, metadata } as KubeObject
    return { result: await write(written), written }
  }
}
