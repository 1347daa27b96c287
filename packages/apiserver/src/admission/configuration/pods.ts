/** Configurations of PodNodeSelector and PodTolerationRestriction. */
import { checkTolerations } from '@canopus/api'
import type { Toleration } from '@canopus/api/core/v1'
import { type FieldError, fieldErrorText, isObject } from '@canopus/apimachinery'
import { checkConfiguration, type FieldTree } from '../../configuration/read.ts'

/** What PodNodeSelector is told: selectors by namespace. It has no versions, and takes what it knows. */
export function readNodeSelectors(value: unknown): Readonly<Record<string, string>> {
  const found = isObject(value) ? value.podNodeSelectorPluginConfig : undefined
  if (!isObject(found)) return {}
  return Object.fromEntries(Object.entries(found).map(([name, selector]) => [name, String(selector ?? '')]))
}

export interface PodTolerations {
  readonly default: readonly Toleration[]
  readonly whitelist: readonly Toleration[]
}

const TOLERATION = { key: true, operator: true, value: true, effect: true, tolerationSeconds: true } as const
const FIELDS = { default: [TOLERATION], whitelist: [TOLERATION] } as const satisfies FieldTree
const KINDS = { Configuration: ['podtolerationrestriction.admission.k8s.io/v1alpha1'] }

/** Throws where the configuration is wrong. */
export function readPodTolerations(value: unknown): PodTolerations {
  const object = checkConfiguration(value, 'Configuration', KINDS, FIELDS)
  const listOf = (name: 'default' | 'whitelist') => (object[name] as readonly Toleration[] | null | undefined) ?? []
  const tolerations = { default: listOf('default'), whitelist: listOf('whitelist') }
  const errors: FieldError[] = []
  for (const [name, list] of Object.entries(tolerations)) {
    checkTolerations(errors, `podtolerationrestriction.${name}`, list)
  }
  if (errors.length > 0) throw new Error(`invalid config: [${errors.map(fieldErrorText).join(' ')}]`)
  return tolerations
}
