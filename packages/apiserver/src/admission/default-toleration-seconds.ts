import type { Toleration } from '@canopus/api/core/v1'
import type { AdmissionPlugin } from '../security.ts'
import { podOf } from './shared.ts'

const SECONDS = 300
const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']

/** Pods stay five minutes on a node that is lost, unless they say otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods'],
  mutate(attributes) {
    const spec = podOf(attributes).spec
    if (spec === undefined) return
    for (const key of TAINTS) {
      if (spec.tolerations?.some(toleration => tolerates(toleration, key))) continue
      const added: Toleration = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: SECONDS }
      spec.tolerations = [...(spec.tolerations ?? []), added]
    }
  },
}

function tolerates(toleration: Toleration, key: string): boolean {
  return (!toleration.key || toleration.key === key) && (!toleration.effect || toleration.effect === 'NoExecute')
}
