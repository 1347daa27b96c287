import type { Toleration } from '@canopus/api/core/v1'
import type { AdmissionPlugin } from '../security.ts'
import { podOf } from './shared.ts'

/** How long pods that do not say so stay on a node that is lost, in seconds. */
export interface DefaultTolerations {
  readonly notReady?: number
  readonly unreachable?: number
}

const SECONDS = 300

/** Pods stay five minutes on a node that is lost, unless they or the flags say otherwise. */
export function defaultTolerationSeconds({ notReady, unreachable }: DefaultTolerations = {}): AdmissionPlugin {
  const taints = [
    ['node.kubernetes.io/not-ready', notReady ?? SECONDS],
    ['node.kubernetes.io/unreachable', unreachable ?? SECONDS],
  ] as const
  return {
    name: 'DefaultTolerationSeconds',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods'],
    mutate(attributes) {
      const spec = podOf(attributes).spec
      if (spec === undefined) return
      for (const [key, tolerationSeconds] of taints) {
        if (spec.tolerations?.some(toleration => tolerates(toleration, key))) continue
        const added: Toleration = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds }
        spec.tolerations = [...(spec.tolerations ?? []), added]
      }
    },
  }
}

function tolerates(toleration: Toleration, key: string): boolean {
  return (!toleration.key || toleration.key === key) && (!toleration.effect || toleration.effect === 'NoExecute')
}
