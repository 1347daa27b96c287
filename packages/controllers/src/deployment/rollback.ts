/**
 * Going back to an older template, asked for by the annotation that the field `rollbackTo` of former versions has become. `kubectl rollout
 * undo` goes another way: it writes the older template itself. Behaviour: kubernetes pkg/controller/deployment/rollback.go.
 */
import type { Deployment, ReplicaSet } from '@canopus/api/apps/v1'
import { HASH_LABEL, isCopied, ROLLBACK_TO, revisionOf, sameTemplate } from './revision.ts'

export interface Rollback {
  /** The deployment as it goes on; in any case without the wish. */
  deployment: Deployment
  event: { type: 'Normal' | 'Warning'; reason: string; message: string }
}

/** The revision that is asked for: 0 means the one before the newest. Nothing where none is, or not understandably. */
export function rollbackRevision({ metadata }: Deployment): bigint | undefined {
  const text = metadata.annotations?.[ROLLBACK_TO] ?? ''
  return /^[-+]?\d{1,18}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined
}

/** What becomes of the wish to go back. `sets` are all, that of the present template among them. */
export function planRollback(deployment: Deployment, sets: readonly ReplicaSet[]): Rollback | undefined {
  const asked = rollbackRevision(deployment)
  if (asked === undefined) return undefined
  const revision = asked === 0n ? lastButOne(sets) : asked
  const { [ROLLBACK_TO]: _wish, ...annotations } = deployment.metadata.annotations ?? {}
  const plain = { ...deployment, metadata: { ...deployment.metadata, annotations } }
  const gaveUp = (reason: string, message: string): Rollback => ({
    deployment: plain,
    event: { type: 'Warning', reason: `DeploymentRollback${reason}`, message },
  })
  if (revision === 0n) return gaveUp('RevisionNotFound', 'Unable to find last revision.')
  const set = sets.find(each => revisionOf(each) === revision)
  if (!set) return gaveUp('RevisionNotFound', 'Unable to find the revision to rollback to.')
  const name = JSON.stringify(deployment.metadata.name)
  if (sameTemplate(deployment.spec.template, set.spec.template)) {
    return gaveUp('TemplateUnchanged', `The rollback revision contains the same template as current deployment ${name}`)
  }
  return {
    deployment: backTo(plain, set),
    event: {
      type: 'Normal',
      reason: 'DeploymentRollback',
      message: `Rolled back deployment ${name} to revision ${revision}`,
    },
  }
}

function lastButOne(sets: readonly ReplicaSet[]): bigint {
  const revisions = sets.map(revisionOf).sort((a, b) => (a < b ? 1 : a > b ? -1 : 0))
  return revisions[1] ?? 0n
}

/** With the set's template, and with its annotations: those of the deployment belong to the template that goes. */
function backTo(deployment: Deployment, { metadata, spec }: ReplicaSet): Deployment {
  const { [HASH_LABEL]: _hash, ...labels } = spec.template?.metadata?.labels ?? {}
  const template = { ...spec.template!, metadata: { ...spec.template?.metadata, labels } }
  const own = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !isCopied(name))
  const former = Object.entries(metadata.annotations ?? {}).filter(([name]) => isCopied(name))
  const annotations = Object.fromEntries([...own, ...former])
  return { ...deployment, metadata: { ...deployment.metadata, annotations }, spec: { ...deployment.spec, template } }
}
