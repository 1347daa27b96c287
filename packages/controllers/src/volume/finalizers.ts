import { hasReason, type KubeObject } from '@canopus/apimachinery'
import type { ResourceClient } from '@canopus/client'

/**
 * Adds or removes a finalizer by writing the object: the roles of volumes' controllers let them update, not patch. Throws
 * (Conflict) where the object has changed meanwhile; one that is gone is as it should be.
 */
export async function setFinalizer<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'update'>,
  object: T,
  finalizer: string,
  wanted: boolean,
): Promise<void> {
  const { finalizers = [], ...metadata } = object.metadata
  if (finalizers.includes(finalizer) === wanted) return
  const next = wanted ? [...finalizers, finalizer] : finalizers.filter(each => each !== finalizer)
  try {
    await client.update({ ...object, metadata: { ...metadata, ...(next.length > 0 ? { finalizers: next } : {}) } })
  } catch (error) {
    if (wanted || !hasReason(error, 'NotFound')) throw error
  }
}
