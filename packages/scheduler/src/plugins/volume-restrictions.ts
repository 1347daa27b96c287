import { PersistentVolumeClaims } from '@canopus/api'
import type { Pod, Volume } from '@canopus/api/core/v1'
import type { PluginContext, SchedulerPlugin } from '../framework.ts'
import type { NodeInfo } from '../node-info.ts'
import type { PodInfo } from '../pod-info.ts'

const name = 'VolumeRestrictions'
const diskTaken = { plugin: name, reasons: ['node(s) had no available disk'] }
const claimTaken = {
  plugin: name,
  reasons: [
    'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
  ],
}

/** Volumes that only one pod, or only one node, may use at a time (pkg/scheduler/framework/plugins/volumerestrictions). */
export function volumeRestrictions({ informers }: PluginContext): SchedulerPlugin {
  const claims = informers.informer(PersistentVolumeClaims).lister
  const exclusive = (pod: PodInfo): string[] =>
    pod.claims
      .filter(each => claims.get(each.name, pod.namespace)?.spec?.accessModes?.includes('ReadWriteOncePod'))
      .map(each => `${pod.namespace}/${each.name}`)
  return {
    name,
    events: ['AssignedPodDelete', 'NodeAdd', 'PersistentVolumeClaim'],
    hint(pod, { event, pod: other, object }) {
      if (event === 'PersistentVolumeClaim') {
        const { name: claim, namespace } = object?.metadata ?? {}
        return namespace === pod.namespace && pod.claims.some(each => each.name === claim)
      }
      if (event !== 'AssignedPodDelete' || other === undefined) return true
      const sharesClaim =
        other.namespace === pod.namespace && other.claims.some(a => pod.claims.some(b => a.name === b.name))
      return sharesClaim || disksOf(pod.pod).some(disk => clashes(disk, other))
    },
    filter(pod, { cache }) {
      const disks = disksOf(pod.pod)
      const own = pod.claims.length === 0 ? [] : exclusive(pod)
      if (disks.length + own.length === 0) return undefined
      return {
        check(node: NodeInfo) {
          for (const disk of disks) for (const other of node.pods.values()) if (clashes(disk, other)) return diskTaken
          return own.some(each => cache.claimUsers(each) > 0) ? claimTaken : undefined
        },
      }
    },
  }
}

type Disk = Pick<Volume, 'gcePersistentDisk' | 'awsElasticBlockStore' | 'iscsi' | 'rbd'>

const known = new WeakMap<Pod, readonly Disk[]>()

/** The volumes of the pod that name a disk outright. */
function disksOf(pod: Pod): readonly Disk[] {
  let disks = known.get(pod)
  if (disks === undefined) {
    disks = (pod.spec?.volumes ?? []).filter(
      each => each.gcePersistentDisk ?? each.awsElasticBlockStore ?? each.iscsi ?? each.rbd,
    )
    known.set(pod, disks)
  }
  return disks
}

const clashes = (disk: Disk, other: PodInfo): boolean => disksOf(other.pod).some(each => clash(disk, each))

/** Whether two pods must not use these on one node. Disks that both only read can be shared, but for those of AWS. */
function clash(a: Disk, b: Disk): boolean {
  if (a.gcePersistentDisk && b.gcePersistentDisk) {
    const bothRead = a.gcePersistentDisk.readOnly === true && b.gcePersistentDisk.readOnly === true
    if (a.gcePersistentDisk.pdName === b.gcePersistentDisk.pdName && !bothRead) return true
  }
  if (a.awsElasticBlockStore && b.awsElasticBlockStore) {
    if (a.awsElasticBlockStore.volumeID === b.awsElasticBlockStore.volumeID) return true
  }
  if (a.iscsi && b.iscsi) {
    if (a.iscsi.iqn === b.iscsi.iqn && !(a.iscsi.readOnly === true && b.iscsi.readOnly === true)) return true
  }
  return a.rbd !== undefined && b.rbd !== undefined && sameImage(a.rbd, b.rbd)
}

function sameImage(a: NonNullable<Disk['rbd']>, b: NonNullable<Disk['rbd']>): boolean {
  const shared = (a.monitors ?? []).some(each => (b.monitors ?? []).includes(each))
  if (!shared || (a.pool ?? 'rbd') !== (b.pool ?? 'rbd') || a.image !== b.image) return false
  return !(a.readOnly === true && b.readOnly === true)
}
