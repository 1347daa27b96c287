/** Name, labels, network name and storage of the pods of a stateful set (pkg/controller/statefulset/stateful_set_utils.go). */

import { StatefulSets } from '@canopus/api'
import type { ControllerRevision, StatefulSet } from '@canopus/api/apps/v1'
import type { PersistentVolumeClaim, Pod, Volume } from '@canopus/api/core/v1'
import { controllerReference, type ObjectMeta } from '@canopus/apimachinery'
import { podFromTemplate } from '../common/pods.ts'
import { REVISION_LABEL, templateOf } from '../common/revisions.ts'

export const POD_NAME = 'statefulset.kubernetes.io/pod-name'
export const POD_INDEX = 'apps.kubernetes.io/pod-index'

/** The number at the end of the pod's name where the rest is the set's; nothing for pods of other names. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-([0-9]+)$/.exec(pod.metadata.name)
  return match?.[1] === set.metadata.name ? Number(match[2]) : undefined
}

/** The pods' label holds the revision's name, so that it can be found again. */
export const revisionOfPod = (pod: Pod): string => pod.metadata.labels?.[REVISION_LABEL] ?? ''

export function podOf(set: StatefulSet, ordinal: number, revision: ControllerRevision): Pod {
  const name = `${set.metadata.name}-${ordinal}`
  const pod = podFromTemplate(set, StatefulSets, templateOf(revision), { name })
  return withIdentity(
    set,
    { ...pod, metadata: labelled(pod.metadata, { [REVISION_LABEL]: revision.metadata.name }) },
    ordinal,
  )
}

/** The pod with the name, labels and claims that its ordinal calls for. */
export function withIdentity(set: StatefulSet, pod: Pod, ordinal: number): Pod {
  const { name } = pod.metadata
  const claims = claimsOf(set, ordinal)
  const claimVolumes: Volume[] = [...claims].map(([volume, claim]) => ({
    name: volume,
    persistentVolumeClaim: { claimName: claim.metadata.name },
  }))
  const volumes = [...claimVolumes, ...(pod.spec?.volumes ?? []).filter(volume => !claims.has(volume.name))]
  return {
    ...pod,
    metadata: labelled(pod.metadata, { [POD_NAME]: name, [POD_INDEX]: String(ordinal) }),
    spec: {
      ...pod.spec!,
      hostname: name,
      subdomain: set.spec.serviceName,
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  }
}

const labelled = (metadata: ObjectMeta, labels: Record<string, string>): ObjectMeta => ({
  ...metadata,
  labels: { ...metadata.labels, ...labels },
})

/** The claims of one pod, by the name of the volume. */
export function claimsOf(set: StatefulSet, ordinal: number): Map<string, PersistentVolumeClaim> {
  const claims = new Map<string, PersistentVolumeClaim>()
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    const volume = template.metadata.name
    const name = `${volume}-${set.metadata.name}-${ordinal}`
    const keep = set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted !== 'Delete'
    const { labels, annotations } = template.metadata
    const metadata = {
      name,
      namespace: set.metadata.namespace!,
      labels: { ...labels, ...set.spec.selector.matchLabels },
      ...(annotations ? { annotations } : {}),
      ...(keep ? {} : { ownerReferences: [{ ...controllerReference(set, StatefulSets) }] }),
    } as unknown as ObjectMeta
    claims.set(volume, { metadata, spec: template.spec! })
  }
  return claims
}

/** Whether a claim of that name is, by its name, one of the set's. */
export function isClaimOf(set: StatefulSet, claim: string): boolean {
  return (set.spec.volumeClaimTemplates ?? []).some(({ metadata }) => {
    const prefix = `${metadata.name}-${set.metadata.name}-`
    return claim.startsWith(prefix) && /^\d+$/.test(claim.slice(prefix.length))
  })
}

/** Whether labels say what the ordinal is; storage and names of a pod never change after its creation. */
export function hasIdentity(pod: Pod, ordinal: number): boolean {
  const { labels, name } = pod.metadata
  return labels?.[POD_NAME] === name && labels[POD_INDEX] === String(ordinal)
}
