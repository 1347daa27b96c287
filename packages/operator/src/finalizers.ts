/** Finalizers: names that keep a deleted object until somebody has cleaned up. */
import { hasFinalizer, hasReason, type KubeObject } from '@canopus/apimachinery'
import type { ResourceClient } from '@canopus/client'

/** Adds `finalizer` and answers the object as it is then. The patch fails (Conflict) where the object changed meanwhile. */
export async function addFinalizer<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'patch'>,
  object: T,
  finalizer: string,
): Promise<T> {
  if (hasFinalizer(object, finalizer)) return object
  return patchFinalizers(client, object, [...(object.metadata.finalizers ?? []), finalizer])
}

/** Removes `finalizer`; nothing is answered where the object went away with it or before. */
export async function removeFinalizer<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'patch'>,
  object: T,
  finalizer: string,
): Promise<T | undefined> {
  if (!hasFinalizer(object, finalizer)) return object
  try {
    const left = object.metadata.finalizers!.filter(each => each !== finalizer)
    return await patchFinalizers(client, object, left)
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}

function patchFinalizers<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'patch'>,
  object: T,
  finalizers: readonly string[],
): Promise<T> {
  const { name, namespace, uid, resourceVersion } = object.metadata
  const patch = { metadata: { uid, resourceVersion, finalizers: finalizers.length > 0 ? finalizers : null } }
  return client.patch(name, 'merge', patch, namespace ? { namespace } : {})
}
