/**
 * The history of a template, kept in ControllerRevisions, for kinds whose pods carry their own identity.
 * Behaviour: kubernetes pkg/controller/history.
 */

import { ControllerRevisions } from '@canopus/api'
import type { ControllerRevision } from '@canopus/api/apps/v1'
import type { PodTemplateSpec } from '@canopus/api/core/v1'
import {
  controllerReference,
  hasReason,
  isControlledBy,
  type KubeObject,
  type LabelSelector,
  labelSelector,
  matches,
  type ObjectMeta,
  type ResourceType,
  semanticEqual,
} from '@canopus/apimachinery'
import { type ControllerContext, claim } from '@canopus/operator'

/** By which pods know their revision, and revisions of DaemonSets what their names end in. */
export const REVISION_LABEL = 'controller-revision-hash'

/** Objects whose template has a history. */
export interface Templated extends KubeObject {
  spec: { template: PodTemplateSpec; selector: LabelSelector; revisionHistoryLimit?: number }
}

/**
 * The part of the object that a revision restores, as a strategic merge patch. Names are in order: clients find the current
 * revision by comparing its text with what Go makes of the object.
 */
function dataOf(object: Templated): unknown {
  return inOrder({ spec: { template: { ...object.spec.template, $patch: 'replace' } } })
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map(name => [name, inOrder((value as Record<string, unknown>)[name])]))
}

/** The template as it was in `revision`. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const data = revision.data as { spec: { template: PodTemplateSpec & { $patch?: string } } }
  const { $patch: _patch, ...template } = data.spec.template
  return template
}

/**
 * The object's revisions that match its selector, oldest first. Orphans become its own; those of its own that no longer match are
 * released (`ClaimControllerRevisions`), or kept and left alone (`adoptOrphanRevisions` of StatefulSets).
 */
export async function claimRevisions<T extends Templated>(
  context: ControllerContext,
  owner: T,
  ownerType: ResourceType<T>,
  others: 'released' | 'kept',
): Promise<ControllerRevision[]> {
  const selector = labelSelector(owner.spec.selector)
  const isSelected = ({ metadata }: ControllerRevision): boolean => matches(selector, metadata.labels)
  const { name, namespace } = owner.metadata
  const revisions = context.informers.informer(ControllerRevisions).lister.list(namespace)
  const claimed = await claim({
    owner,
    ownerType,
    candidates: others === 'released' ? revisions : revisions.filter(isSelected),
    matches: isSelected,
    client: context.client.resource(ControllerRevisions),
    freshOwner: () => context.client.resource(ownerType).get(name, { namespace: namespace! }),
  })
  return claimed.sort((a, b) => a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1))
}

/** Those of the current template, oldest first. */
export function currentRevisions(object: Templated, revisions: readonly ControllerRevision[]): ControllerRevision[] {
  const data = dataOf(object)
  return revisions.filter(each => semanticEqual(each.data, data))
}

export interface Revised {
  /** All of them, oldest first; the last is of the current template. */
  revisions: ControllerRevision[]
  update: ControllerRevision
  collisionCount: number | undefined
}

export interface RevisionNaming {
  /** What the name of a revision with this data ends in, after so many collisions of names. */
  hash(data: unknown, collisions: number | undefined): string
  /** Where the revision says that too. */
  readonly label: string
}

/** Sees to it that the newest revision is of the current template: reuses an old one of the same content or makes one. */
export async function ensureRevision(
  context: ControllerContext,
  object: Templated,
  type: ResourceType,
  known: readonly ControllerRevision[],
  collisionCount: number | undefined,
  naming: RevisionNaming,
): Promise<Revised> {
  const client = context.client.resource(ControllerRevisions)
  const data = dataOf(object)
  const next = (known.at(-1)?.revision ?? 0) + 1
  const equal = currentRevisions(object, known).at(-1)
  if (equal) {
    const others = known.filter(each => each !== equal)
    if (equal === known.at(-1)) return { revisions: [...known], update: equal, collisionCount }
    const update = await client.update({ ...equal, revision: next })
    return { revisions: [...others, update], update, collisionCount }
  }
  for (let collisions = collisionCount; ; collisions = (collisions ?? 0) + 1) {
    const hash = naming.hash(data, collisions)
    const name = `${object.metadata.name}-${hash}`
    const namespace = object.metadata.namespace!
    const metadata: Partial<ObjectMeta> = {
      name,
      namespace,
      labels: { ...object.spec.template.metadata?.labels, [naming.label]: hash },
      ...(object.metadata.annotations && { annotations: { ...object.metadata.annotations } }),
      ownerReferences: [controllerReference(object, type)],
    }
    try {
      const update = await client.create({ metadata, data, revision: next })
      return { revisions: [...known, update], update, collisionCount: collisions }
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error
      const found = await client.get(name, { namespace })
      // Our own, which the cache does not show yet; anything else has only the name in common.
      if (isControlledBy(found, object) && semanticEqual(found.data, data)) {
        return { revisions: [...known, found], update: found, collisionCount: collisions }
      }
    }
  }
}

/** Deletes the oldest revisions that nothing uses, beyond the limit. */
export async function truncateHistory(
  context: ControllerContext,
  object: Templated,
  revisions: readonly ControllerRevision[],
  inUse: ReadonlySet<string>,
): Promise<void> {
  const unused = revisions.filter(each => !inUse.has(each.metadata.name) && !inUse.has(hashOf(each)))
  const surplus = unused.length - (object.spec.revisionHistoryLimit ?? 10)
  for (const { metadata } of unused.slice(0, Math.max(0, surplus))) {
    const namespace = metadata.namespace!
    await context.client
      .resource(ControllerRevisions)
      .delete(metadata.name, { namespace })
      .catch(error => {
        if (!hasReason(error, 'NotFound')) throw error
      })
  }
}

export const hashOf = (revision: ControllerRevision): string => revision.metadata.labels?.[REVISION_LABEL] ?? ''
