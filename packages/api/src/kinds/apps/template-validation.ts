/** What workloads have in common: a selector, and a template that it selects. */
import {
  checkPercent,
  forbidden,
  invalid,
  type LabelSelector,
  labelSelector,
  matches,
  notSupported,
  required,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type { PodTemplateSpec } from '../../generated/core.v1.ts'
import { checkPodTemplate, checkTemplateMetadata } from '../core/pod/validate-spec.ts'
import { checkNonNegative, checkText, type Errors, NEGATIVE_MESSAGE, push } from '../shared/check.ts'
import { byKey, shownSelector } from '../shared/shown.ts'

/** `kind` is how messages call the workload: upstream says `deployment` for replica sets too. */
export function checkSelectorAndTemplate(
  errors: Errors,
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  kind: string,
  owner: string,
): void {
  if (selector === undefined) {
    if (kind !== 'daemonset') errors.push(required('spec.selector'))
  } else {
    push(errors, validateLabelSelector(selector, 'spec.selector'))
    if (isEmptySelector(selector)) {
      errors.push(invalid('spec.selector', shownSelector(selector), `empty selector is invalid for ${kind}`))
    }
  }
  if (template === undefined) {
    errors.push(required('spec.template'))
    return
  }
  const isReadable = checkMatch(errors, selector, template, UNREADABLE[kind])
  if (isReadable || kind === 'daemonset') {
    checkPodTemplate(errors, 'spec.template', template)
    if (kind === 'statefulset') checkTemplateMetadata(errors, 'spec.template', template)
  } else if (kind === 'deployment') return
  checkAlwaysRunning(errors, template, owner)
}

export const isEmptySelector = (selector: LabelSelector): boolean =>
  Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0

/** What is said of selectors that cannot be used; nothing of those of daemon sets and jobs. */
const UNREADABLE: Readonly<Record<string, string>> = { deployment: 'invalid label selector', statefulset: '' }

/** No selector matches nothing, an empty one everything. Answers whether the selector can be used. */
export function checkMatch(
  errors: Errors,
  selector: LabelSelector | undefined,
  { metadata }: PodTemplateSpec,
  unreadable?: string,
): boolean {
  const labels = metadata?.labels
  if (selector !== undefined) {
    if (isEmptySelector(selector)) return true
    if (!isReadable(selector)) {
      if (unreadable !== undefined) errors.push(invalid('spec.selector', shownSelector(selector), unreadable))
      return false
    }
    if (matches(labelSelector(selector), labels)) return true
  }
  errors.push(invalid('spec.template.metadata.labels', byKey(labels), '`selector` does not match template `labels`'))
  return true
}

/** Whether Go makes requirements of it: it looks at keys and values too. */
export function isReadable(selector: LabelSelector): boolean {
  try {
    labelSelector(selector)
  } catch {
    return false
  }
  return validateLabelSelector(selector, '').length === 0
}

/** Pods of such workloads run until they are deleted. */
export function checkAlwaysRunning(errors: Errors, { spec }: PodTemplateSpec, owner: string): void {
  if (spec.restartPolicy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', spec.restartPolicy ?? '', ['Always']))
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    const text = `activeDeadlineSeconds in ${owner} is not Supported`
    errors.push(forbidden('spec.template.spec.activeDeadlineSeconds', text))
  }
}

/** A number, or a percentage of the pods. */
export function checkIntOrPercent(errors: Errors, field: string, value: number | string | undefined): void {
  if (typeof value === 'string') checkText(errors, field, value, checkPercent)
  else if (value !== undefined && value < 0) errors.push(invalid(field, value, NEGATIVE_MESSAGE))
}

export function checkNotMoreThanAll(errors: Errors, field: string, value: number | string | undefined): void {
  if (typeof value === 'string' && /^[0-9]+%$/.test(value) && Number.parseInt(value, 10) > 100) {
    errors.push(invalid(field, value, 'must not be greater than 100%'))
  }
}

/** Nought as a number or in per cent; so is what is neither. */
export const isZero = (value: number | string | undefined): boolean =>
  typeof value === 'string'
    ? !/^(?:[0-9]+%|[+-]?[0-9]+)$/.test(value) || Number.parseInt(value, 10) === 0
    : (value ?? 0) === 0

type Counts = Partial<
  Record<
    | 'replicas'
    | 'readyReplicas'
    | 'availableReplicas'
    | 'fullyLabeledReplicas'
    | 'updatedReplicas'
    | 'unavailableReplicas'
    | 'currentReplicas'
    | 'observedGeneration'
    | 'terminatingReplicas'
    | 'collisionCount',
    number
  >
>

/** Figures of a status: none below nought, and parts not above the whole. */
export function checkCounts(
  errors: Errors,
  status: Counts | undefined,
  parts: readonly (keyof Counts)[],
  readyName = 'readyReplicas',
): void {
  if (status === undefined) return
  for (const field of ['replicas', 'observedGeneration', 'collisionCount', ...parts] as const) {
    checkNonNegative(errors, `status.${field}`, status[field])
  }
  const replicas = status.replicas ?? 0
  for (const field of parts) {
    const value = status[field] ?? 0
    if (field === 'unavailableReplicas' || field === 'terminatingReplicas' || value <= replicas) continue
    errors.push(invalid(`status.${field}`, value, 'cannot be greater than status.replicas'))
  }
  const available = status.availableReplicas ?? 0
  if (available > (status.readyReplicas ?? 0)) {
    errors.push(invalid('status.availableReplicas', available, `cannot be greater than ${readyName}`))
  }
}
