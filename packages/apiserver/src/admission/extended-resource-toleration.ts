import { isExtendedResource } from '@canopus/api'
import type { AdmissionPlugin } from '../security.ts'
import { podOf } from './shared.ts'

/** Who asks for a device may run on the nodes that are kept for it (plugin/pkg/admission/extendedresourcetoleration). */
export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods'],
  mutate(attributes) {
    const { spec } = podOf(attributes)
    if (spec === undefined) return
    const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
    const names = containers.flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
    for (const key of [...new Set(names.filter(isExtendedResource))].sort()) {
      const others = (spec.tolerations ?? []).filter(
        ({ key: other, effect, operator, value }) =>
          !(other === key && effect === 'NoSchedule' && operator === 'Exists' && !value),
      )
      const known = (spec.tolerations ?? []).length > others.length
      if (!known) spec.tolerations = [...others, { key, operator: 'Exists', effect: 'NoSchedule' }]
    }
  },
}
