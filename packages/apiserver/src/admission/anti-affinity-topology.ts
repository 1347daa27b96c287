import { forbiddenError } from '@canopus/apimachinery'
import type { AdmissionPlugin } from '../security.ts'
import { podOf } from './shared.ts'

const HOST = 'kubernetes.io/hostname'

/** Pods may keep others away from their node, and from nothing larger (plugin/pkg/admission/antiaffinity). */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods'],
  validate(attributes) {
    const { metadata, spec } = podOf(attributes)
    const terms = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const other = terms.find(({ topologyKey }) => topologyKey !== HOST)
    if (other === undefined) return
    const why = `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${other.topologyKey} but only key ${HOST} is allowed`
    throw forbiddenError({ group: '', resource: 'pods', name: metadata.name ?? '' }, why)
  },
}
