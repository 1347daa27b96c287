/** What a deployment does to its replica sets: making the new one, numbering it, changing sizes. */

import { Deployments, ReplicaSets } from '@canopus/api'
import type { Deployment, ReplicaSet } from '@canopus/api/apps/v1'
import { clone, controllerReference, hasReason, isControlledBy, semanticEqual } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import type { ControllerContext } from '@canopus/operator'
import { annotationsOf, findNew, HASH_LABEL, hashOf, latestRevision, REVISION, sizeAnnotations } from './revision.ts'
import { limitsOf, newSize, type Resize, sizeOf, wantedOf } from './rolling.ts'
import { hasDeadline, newCondition, set } from './status.ts'

/** The replica set of the current template, made or brought up to date, and the deployment as it is then. */
export async function ensureNewSet(
  context: ControllerContext,
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Promise<{ set: ReplicaSet; deployment: Deployment }> {
  const revision = latestRevision(old) + 1n
  if (newSet) {
    const annotations = annotationsOf(deployment, newSet, revision)
    const minReadySeconds = deployment.spec.minReadySeconds ?? 0
    const unchanged =
      semanticEqual(annotations, newSet.metadata.annotations) && minReadySeconds === (newSet.spec.minReadySeconds ?? 0)
    const current = unchanged
      ? newSet
      : await context.client.resource(ReplicaSets).update({
          ...newSet,
          metadata: { ...newSet.metadata, annotations },
          spec: { ...newSet.spec, minReadySeconds },
        })
    const text = `Found new replica set ${JSON.stringify(newSet.metadata.name)}`
    const known = deployment.status?.conditions?.some(each => each.type === 'Progressing')
    return {
      set: current,
      deployment: known ? deployment : await note(context, deployment, 'FoundNewReplicaSet', text),
    }
  }
  const draft = draftOf(deployment, old, revision)
  try {
    const created = await context.client.resource(ReplicaSets).create(draft)
    const { name } = created.metadata
    if (sizeOf(created) > 0) {
      const text = `Scaled up replica set ${name} from 0 to ${sizeOf(created)}`
      context.events.event(deployment, 'Normal', 'ScalingReplicaSet', text)
    }
    const text = `Created new replica set ${JSON.stringify(name)}`
    return { set: created, deployment: await note(context, deployment, 'NewReplicaSetCreated', text) }
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return onCollision(context, deployment, draft.metadata.name, error)
    await noteFailure(context, deployment, draft.metadata.name, error)
    throw error
  }
}

function draftOf(deployment: Deployment, old: readonly ReplicaSet[], revision: bigint): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec
  const hash = hashOf(deployment)
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash }
  const maxReplicas = wantedOf(deployment) + limitsOf(deployment).maxSurge
  const set = {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace!,
      labels,
      ownerReferences: [controllerReference(deployment, Deployments)],
    },
    spec: {
      replicas: newSize(deployment, old, undefined),
      minReadySeconds: minReadySeconds ?? 0,
      selector: { ...clone(selector), matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...clone(template), metadata: { ...clone(template.metadata), labels } },
    },
  } as unknown as ReplicaSet
  const annotations = { ...annotationsOf(deployment, set, revision), ...sizeAnnotations(deployment, maxReplicas) }
  return { ...set, metadata: { ...set.metadata, annotations } }
}

/** The name is taken: by our own replica set that the cache does not show yet, or by another whose hash is the same. */
async function onCollision(
  context: ControllerContext,
  deployment: Deployment,
  name: string,
  cause: unknown,
): Promise<{ set: ReplicaSet; deployment: Deployment }> {
  const namespace = deployment.metadata.namespace!
  const found = await context.client.resource(ReplicaSets).get(name, { namespace })
  if (isControlledBy(found, deployment) && findNew(deployment, [found])) return { set: found, deployment }
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1
  const status = { ...deployment.status, collisionCount }
  await context.client.resource(Deployments).updateStatus({ ...deployment, status })
  throw cause
}

async function noteFailure(
  context: ControllerContext,
  deployment: Deployment,
  name: string,
  error: unknown,
): Promise<void> {
  const text = messageOf(error)
  const message = `Failed to create new replica set ${JSON.stringify(name)}: ${text}`
  context.events.event(deployment, 'Warning', 'ReplicaSetCreateError', message)
  if (!hasDeadline(deployment)) return
  const condition = newCondition('Progressing', 'False', 'ReplicaSetCreateError', message, context.clock.now())
  const status = { ...deployment.status, conditions: set(deployment.status?.conditions ?? [], condition) }
  // The failure itself is what counts; that it could not be noted comes second.
  await context.client
    .resource(Deployments)
    .updateStatus({ ...deployment, status })
    .catch(() => {})
}

async function note(
  context: ControllerContext,
  deployment: Deployment,
  reason: string,
  message: string,
): Promise<Deployment> {
  if (!hasDeadline(deployment)) return deployment
  const condition = newCondition('Progressing', 'True', reason, message, context.clock.now())
  const status = { ...deployment.status, conditions: set(deployment.status?.conditions ?? [], condition) }
  return context.client.resource(Deployments).updateStatus({ ...deployment, status })
}

/**
 * Writes the new set's revision on the deployment, where `kubectl rollout` reads it: with its status, as upstream does, since the
 * generation counts annotations that are changed otherwise.
 */
export async function noteRevision(
  context: ControllerContext,
  deployment: Deployment,
  newSet: ReplicaSet,
): Promise<Deployment> {
  const revision = newSet.metadata.annotations?.[REVISION]
  if (revision === undefined || deployment.metadata.annotations?.[REVISION] === revision) return deployment
  const annotations = { ...deployment.metadata.annotations, [REVISION]: revision }
  return context.client
    .resource(Deployments)
    .updateStatus({ ...deployment, metadata: { ...deployment.metadata, annotations } })
}

/** Gives replica sets their sizes and notes what those are meant for. Answers old and new of those that changed. */
export async function resizeAll(
  context: ControllerContext,
  deployment: Deployment,
  resizes: readonly Resize[],
): Promise<Map<ReplicaSet, ReplicaSet>> {
  const done = new Map<ReplicaSet, ReplicaSet>()
  const maxReplicas = wantedOf(deployment) + limitsOf(deployment).maxSurge
  for (const { set: each, replicas } of resizes) {
    const before = sizeOf(each)
    const annotations = { ...each.metadata.annotations, ...sizeAnnotations(deployment, maxReplicas) }
    if (before === replicas && semanticEqual(annotations, each.metadata.annotations)) continue
    const after = await context.client.resource(ReplicaSets).update({
      ...each,
      metadata: { ...each.metadata, annotations },
      spec: { ...each.spec, replicas },
    })
    done.set(each, after)
    if (before === replicas) continue
    const text = `Scaled ${before < replicas ? 'up' : 'down'} replica set ${each.metadata.name} from ${before} to ${replicas}`
    context.events.event(deployment, 'Normal', 'ScalingReplicaSet', text)
  }
  return done
}
