/**
 * Taking and giving up ownership of objects. Behaviour: kubernetes pkg/controller/controller_ref_manager.go.
 */
import { controllerOf, controllerReference, hasReason, type KubeObject, type ResourceType } from '@canopus/apimachinery'
import type { ResourceClient } from '@canopus/client'

export interface Claim<T extends KubeObject> {
  owner: KubeObject
  ownerType: ResourceType
  /** Objects of the owner's namespace: all that could be its own. */
  candidates: readonly T[]
  /** Whether the owner wants this object. */
  matches(object: T): boolean
  client: Pick<ResourceClient<T>, 'patch'>
  /** The owner as the server has it now, read around every cache; asked once, before the first adoption. */
  freshOwner(): Promise<KubeObject>
}

/**
 * The candidates that belong to the owner. On the way orphans that match are adopted, and objects that no longer match are
 * released. Adoption patches carry the object's uid, so that a namesake is never taken.
 */
export async function claim<T extends KubeObject>(request: Claim<T>): Promise<T[]> {
  const { owner } = request
  const claimed: T[] = []
  let mayAdopt: Promise<void> | undefined
  for (const object of request.candidates) {
    const controller = controllerOf(object)
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue
      if (request.matches(object)) claimed.push(object)
      else if (!owner.metadata.deletionTimestamp) await release(request, object)
      continue
    }
    if (owner.metadata.deletionTimestamp || object.metadata.deletionTimestamp || !request.matches(object)) continue
    mayAdopt ??= checkAdoption(request)
    await mayAdopt
    const adopted = await adopt(request, object)
    if (adopted) claimed.push(adopted)
  }
  return claimed
}

async function checkAdoption<T extends KubeObject>({ owner, freshOwner }: Claim<T>): Promise<void> {
  const fresh = await freshOwner()
  const name = `${owner.metadata.namespace}/${owner.metadata.name}`
  if (fresh.metadata.uid !== owner.metadata.uid) {
    throw new Error(`original ${name} is gone: got uid ${fresh.metadata.uid}, wanted ${owner.metadata.uid}`)
  }
  if (fresh.metadata.deletionTimestamp) {
    throw new Error(`${name} has just been deleted at ${fresh.metadata.deletionTimestamp}`)
  }
}

async function adopt<T extends KubeObject>(request: Claim<T>, object: T): Promise<T | undefined> {
  const { uid, name, namespace } = object.metadata
  const patch = { metadata: { uid, ownerReferences: [controllerReference(request.owner, request.ownerType)] } }
  try {
    return await request.client.patch(name, 'strategic', patch, namespace ? { namespace } : {})
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}

async function release<T extends KubeObject>(request: Claim<T>, object: T): Promise<void> {
  const { uid, name, namespace } = object.metadata
  const patch = { metadata: { uid, ownerReferences: [{ $patch: 'delete', uid: request.owner.metadata.uid }] } }
  try {
    await request.client.patch(name, 'strategic', patch, namespace ? { namespace } : {})
  } catch (error) {
    // Gone, or already released and made anew: not ours in either case.
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Invalid')) throw error
  }
}
