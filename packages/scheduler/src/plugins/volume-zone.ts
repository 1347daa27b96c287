import { PersistentVolumeClaims, PersistentVolumes, StorageClasses } from '@canopus/api'
import type { PersistentVolume } from '@canopus/api/core/v1'
import type { PluginContext, Rejection, SchedulerPlugin } from '../framework.ts'
import type { NodeFacts } from '../node-selector.ts'
import { claimClass } from '../volumes/claims.ts'

const name = 'VolumeZone'
const reject = (reason: string): Rejection => ({ plugin: name, reasons: [reason], unresolvable: true })
const elsewhere = reject('node(s) had no available volume zone')

/** Labels of zones and regions, with the ones that they had before they were stable. */
const TOPOLOGY: Readonly<Record<string, string>> = {
  'topology.kubernetes.io/zone': 'failure-domain.beta.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
}
const LABELS = Object.keys(TOPOLOGY)

interface Place {
  readonly key: string
  readonly values: readonly string[]
}

/** The zones and regions that a volume's labels name; several are joined by `__`. */
function placesOf(volume: PersistentVolume): Place[] {
  return Object.entries(volume.metadata.labels ?? {})
    .filter(([key]) => LABELS.includes(key))
    .map(([key, value]) => ({ key, values: value.split('__') }))
}

function isIn(node: NodeFacts, { key, values }: Place): boolean {
  const value = node.labels[key] ?? node.labels[TOPOLOGY[key]!]
  return value !== undefined && values.includes(value)
}

/** Volumes that carry labels of a zone or region can be used there only (pkg/scheduler/framework/plugins/volumezone). */
export function volumeZone({ informers }: PluginContext): SchedulerPlugin {
  const claims = informers.informer(PersistentVolumeClaims).lister
  const volumes = informers.informer(PersistentVolumes).lister
  const classes = informers.informer(StorageClasses).lister
  return {
    name,
    events: ['NodeAdd', 'NodeLabel', 'PersistentVolumeClaim', 'PersistentVolume', 'StorageClass'],
    filter(pod) {
      if (pod.claims.length === 0) return undefined
      const places: Place[] = []
      for (const each of pod.claims) {
        const claim = claims.get(each.name, pod.namespace)
        if (claim === undefined) return reject(`persistentvolumeclaim "${each.name}" not found`)
        const volumeName = claim.spec?.volumeName ?? ''
        if (volumeName === '') {
          const className = claimClass(claim)
          if (className === '') return reject('PersistentVolumeClaim had no pv name and storageClass name')
          const storageClass = classes.get(className)
          if (storageClass === undefined) return reject(`storageclass.storage.k8s.io "${className}" not found`)
          if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') continue
          return reject('PersistentVolume had no name')
        }
        const volume = volumes.get(volumeName)
        if (volume === undefined) return reject(`persistentvolume "${volumeName}" not found`)
        places.push(...placesOf(volume))
      }
      if (places.length === 0) return undefined
      return {
        check(node) {
          // Nodes without any such labels are of clusters that have no zones.
          if (!LABELS.some(key => key in node.labels)) return undefined
          return places.every(place => isIn(node, place)) ? undefined : elsewhere
        },
      }
    },
  }
}
