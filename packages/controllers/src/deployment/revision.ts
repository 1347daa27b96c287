/**
 * What a deployment's replica sets carry besides pods: hash, revision and the size that was wished for.
 * Behaviour: kubernetes pkg/controller/deployment/util/deployment_util.go.
 */

import type { Deployment, ReplicaSet } from '@canopus/api/apps/v1'
import type { PodTemplateSpec } from '@canopus/api/core/v1'
import { semanticEqual } from '@canopus/apimachinery'
import { podTemplateHash } from '../common/template-hash.ts'

export const HASH_LABEL = 'pod-template-hash'
export const REVISION = 'deployment.kubernetes.io/revision'
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'

export const ROLLBACK_TO = 'deprecated.deployment.rollback.to'

/** Annotations of the deployment that its replica sets do not get. */
const NOT_COPIED = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  ROLLBACK_TO,
])

/** Whether an annotation belongs to the template, and goes from the deployment to its replica sets and back. */
export const isCopied = (name: string): boolean => !NOT_COPIED.has(name)

/** Revisions are numbers of 64 bits, which may have been given by somebody else; what is none counts as 0. */
export function revisionOf(object: { metadata: { annotations?: Record<string, string> } }): bigint {
  const text = object.metadata.annotations?.[REVISION] ?? ''
  if (!/^[-+]?\d{1,19}$/.test(text)) return 0n
  const revision = BigInt(text.replace(/^\+/, ''))
  return BigInt.asIntN(64, revision) === revision ? revision : 0n
}

export function latestRevision(sets: readonly ReplicaSet[]): bigint {
  let latest = 0n
  for (const revision of sets.map(revisionOf)) if (revision > latest) latest = revision
  return latest
}

/** The name of the label's value for this template; a new one after every collision of names. */
export function hashOf(deployment: Deployment): string {
  return podTemplateHash(deployment.spec.template, deployment.status?.collisionCount)
}

const byAge = (a: ReplicaSet, b: ReplicaSet): number =>
  compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) || compare(a.metadata.name, b.metadata.name)
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const oldestFirst = (sets: readonly ReplicaSet[]): ReplicaSet[] => [...sets].sort(byAge)

/** The replica set of the current template; the oldest, should there be several. */
export function findNew(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return oldestFirst(sets).find(set => sameTemplate(set.spec.template, deployment.spec.template))
}

/** Whether two templates make the same pods, the hash aside. */
export const sameTemplate = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean =>
  semanticEqual(withoutHash(a), withoutHash(b))

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [HASH_LABEL]: _hash, ...labels } = template?.metadata?.labels ?? {}
  return { ...template, metadata: { ...template?.metadata, labels } }
}

/** The annotations that `set` should have; the very ones it has where nothing changes. */
export function annotationsOf(deployment: Deployment, set: ReplicaSet, revision: bigint): Record<string, string> {
  const annotations = { ...set.metadata.annotations }
  const former = revisionOf(set)
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (isCopied(name)) annotations[name] = value
  }
  if (former < revision) {
    annotations[REVISION] = String(revision)
    if (former > 0) {
      // A rollback gives an old replica set a new number; the old ones stay on record.
      const history = annotations[REVISION_HISTORY]
      annotations[REVISION_HISTORY] = history ? `${history},${former}` : String(former)
    }
  }
  return annotations
}

/** The annotations by which proportional scaling knows what the sizes were meant for. */
export function sizeAnnotations(deployment: Deployment, maxReplicas: number): Record<string, string> {
  return { [DESIRED_REPLICAS]: String(deployment.spec.replicas ?? 1), [MAX_REPLICAS]: String(maxReplicas) }
}
