import { ControllerRevisions, Pods } from '@canopus/api'
import type { ControllerRevision, DaemonSet } from '@canopus/api/apps/v1'
import type { Pod } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import type { ControllerContext } from '@canopus/operator'
import { currentRevisions, hashOf, REVISION_LABEL } from '../common/revisions.ts'

interface History {
  /** Oldest first. */
  readonly revisions: readonly ControllerRevision[]
  readonly pods: readonly Pod[]
}

/**
 * Leaves one revision of the current template, the newest. Pods are marked as of it before the others go, all of them, as upstream
 * does it (dedupCurHistories of pkg/controller/daemon/update.go): where the names of revisions are made in another way after an
 * upgrade, no pod is replaced for that.
 */
export async function withoutDuplicates(
  context: ControllerContext,
  set: DaemonSet,
  history: History,
): Promise<History> {
  const current = currentRevisions(set, history.revisions)
  const kept = current.pop()
  if (kept === undefined || current.length === 0) return history
  const pods: Pod[] = []
  for (const pod of history.pods) pods.push(await markedAs(context, pod, hashOf(kept)))
  const client = context.client.resource(ControllerRevisions)
  for (const { metadata } of current) {
    await client.delete(metadata.name, { namespace: metadata.namespace! }).catch(error => {
      if (!hasReason(error, 'NotFound')) throw error
    })
  }
  return { revisions: history.revisions.filter(each => !current.includes(each)), pods }
}

async function markedAs({ client }: ControllerContext, pod: Pod, hash: string): Promise<Pod> {
  const { name, namespace, labels } = pod.metadata
  if (labels?.[REVISION_LABEL] === hash) return pod
  const patch = { metadata: { labels: { [REVISION_LABEL]: hash } } }
  return client.resource(Pods).patch(name, 'merge', patch, { namespace: namespace! })
}
