/** Pods as they are created and changed (validation.go: ValidatePodCreate, ValidatePodUpdate, ValidatePodBinding). */
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  rangeMessage,
  required,
  semanticEqual,
} from '@canopus/apimachinery'
import type { Affinity, Binding, Container, Pod, PodSpec, Toleration } from '../../../generated/core.v1.ts'
import type { Errors } from '../../shared/check.ts'
import { describeDifference } from '../../shared/difference.ts'
import { sameAs } from '../../shared/equality.ts'
import { checkTolerations } from './validate-affinity.ts'
import { checkAnnotationUpdates, checkPodAnnotations, checkProfilesAgree } from './validate-annotations.ts'
import { checkPodSpec } from './validate-spec.ts'

const MAX_INT32 = 2 ** 31 - 1

/** What must hold of a pod at any time. */
export function checkPod(errors: Errors, pod: Pod): void {
  const { spec, metadata } = pod
  checkPodAnnotations(errors, 'metadata.annotations', metadata.annotations, spec)
  checkPodSpec(errors, 'spec', spec, metadata.name ?? '')
  if (spec.serviceAccountName) return
  for (const [index, { projected }] of (spec.volumes ?? []).entries()) {
    for (const [j, source] of (projected?.sources ?? []).entries()) {
      if (!source.serviceAccountToken) continue
      const field = `spec.volumes[${index}].projected.sources[${j}].serviceAccountToken`
      errors.push(forbidden(field, 'must not be specified when serviceAccountName is not set'))
    }
  }
}

export function validatePod(pod: Pod): FieldError[] {
  const errors: Errors = []
  checkPod(errors, pod)
  const { spec } = pod
  if ((spec.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'))
  }
  if (spec.nodeName && (spec.schedulingGates ?? []).length > 0) {
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'))
  }
  checkProfilesAgree(errors, 'spec', pod.metadata.annotations, spec)
  return errors
}

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',')

export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors: Errors = []
  checkPod(errors, pod)
  checkAnnotationUpdates(errors, pod, old)
  for (const list of ['containers', 'initContainers'] as const) {
    if (checkContainerCount(errors, `spec.${list}`, pod.spec[list], old.spec[list])) return errors
  }
  if (checkDeadline(errors, pod.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds)) return errors
  checkAddedTolerations(errors, pod.spec.tolerations ?? [], old.spec.tolerations ?? [])
  checkGates(errors, pod.spec, old.spec)
  if (sameAs('core.v1.PodSpec', pod.spec, old.spec)) return errors
  checkFixedFields(errors, pod, old)
  return errors
}

function checkContainerCount(
  errors: Errors,
  field: string,
  containers: readonly Container[] = [],
  old: readonly Container[] = [],
): boolean {
  if (containers.length !== old.length) {
    errors.push(forbidden(field, 'pod updates may not add or remove containers'))
    return true
  }
  // Images are what may change: they are looked at once more.
  for (const [index, { image }] of containers.entries()) {
    const at = `${field}[${index}].image`
    if (!image) errors.push(required(at))
    else if (image.trim() !== image) errors.push(invalid(at, image, 'must not have leading or trailing whitespace'))
  }
  return false
}

/** A deadline may be set, and then only come nearer. Answers whether to stop. */
function checkDeadline(errors: Errors, deadline: number | undefined, old: number | undefined): boolean {
  const field = 'spec.activeDeadlineSeconds'
  if (deadline === undefined) {
    if (old !== undefined)
      errors.push(invalid(field, undefined, 'must not update from a positive integer to nil value'))
    return false
  }
  if (deadline < 0 || deadline > MAX_INT32) {
    errors.push(invalid(field, deadline, rangeMessage(0, MAX_INT32)))
    return true
  }
  if (old === undefined || old >= deadline) return false
  errors.push(invalid(field, deadline, 'must be less than or equal to previous value'))
  return true
}

function checkAddedTolerations(errors: Errors, tolerations: readonly Toleration[], old: readonly Toleration[]): void {
  const withoutSeconds = ({ tolerationSeconds: _, ...rest }: Toleration): Omit<Toleration, 'tolerationSeconds'> => rest
  const kept = old.every(each =>
    tolerations.some(other => sameAs('core.v1.Toleration', withoutSeconds(each), withoutSeconds(other))),
  )
  if (kept) checkTolerations(errors, 'spec.tolerations', tolerations)
  else {
    const text = 'existing toleration can not be modified except its tolerationSeconds'
    errors.push(forbidden('spec.tolerations', text))
  }
}

function checkGates(errors: Errors, spec: PodSpec, old: PodSpec): void {
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (old.schedulingGates?.some(gate => gate.name === name)) continue
    const text = `only deletion is allowed, but found new scheduling gate '${name}'`
    errors.push(forbidden(`spec.schedulingGates[${index}].name`, text))
  }
}

/** The old pod's spec with the changes that are allowed must be the new one. */
function checkFixedFields(errors: Errors, pod: Pod, old: Pod): void {
  const image = (containers: readonly Container[] | undefined, olds: readonly Container[] | undefined) =>
    containers?.map((container, index) => ({ ...container, image: olds?.[index]?.image }))
  const munged = {
    ...pod.spec,
    containers: image(pod.spec.containers, old.spec.containers),
    initContainers: image(pod.spec.initContainers, old.spec.initContainers),
    activeDeadlineSeconds: old.spec.activeDeadlineSeconds,
    schedulingGates: old.spec.schedulingGates,
    tolerations: old.spec.tolerations,
  } as PodSpec
  const oldGrace = old.spec.terminationGracePeriodSeconds
  if (oldGrace !== undefined && oldGrace < 0 && munged.terminationGracePeriodSeconds === 1) {
    munged.terminationGracePeriodSeconds = oldGrace
  }
  if ((old.spec.schedulingGates ?? []).length > 0) allowGatedChanges(errors, munged, old.spec)
  if (sameAs('core.v1.PodSpec', munged, old.spec)) return
  const difference = describeDifference(old.spec, munged, 'core.v1.PodSpec')
  errors.push(forbidden('spec', `pod updates may not change fields other than ${UPDATABLE}\n${difference}`))
}

/** While gates hold a pod back, where it may run can still be narrowed. */
function allowGatedChanges(errors: Errors, munged: PodSpec, old: PodSpec): void {
  if (!semanticEqual(munged.nodeSelector, old.nodeSelector)) {
    for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
      if (munged.nodeSelector?.[key] === value) continue
      const text = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)'
      errors.push(invalid('spec.nodeSelector', munged.nodeSelector, text))
      break
    }
    if (old.nodeSelector === undefined) delete munged.nodeSelector
    else munged.nodeSelector = old.nodeSelector
  }
  const was = old.affinity?.nodeAffinity
  const now = munged.affinity?.nodeAffinity
  if ((was === undefined) === (now === undefined) && sameAs('core.v1.NodeAffinity', was, now)) return
  checkAffinityMutation(errors, now, was)
  if (old.affinity === undefined && !munged.affinity?.podAffinity && !munged.affinity?.podAntiAffinity) {
    delete munged.affinity
    return
  }
  const rest: Affinity = { ...munged.affinity }
  if (was === undefined) delete rest.nodeAffinity
  else rest.nodeAffinity = was
  munged.affinity = rest
}

function checkAffinityMutation(errors: Errors, now: Affinity['nodeAffinity'], was: Affinity['nodeAffinity']): void {
  const oldTerms = was?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  if (oldTerms.length === 0) return
  const base = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution'
  const terms = now?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  if (terms.length !== oldTerms.length) {
    const text = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed'
    errors.push(invalid(`${base}.nodeSelectorTerms`, terms, text))
    return
  }
  for (const [index, term] of oldTerms.entries()) {
    for (const field of ['matchExpressions', 'matchFields'] as const) {
      const kept = (term[field] ?? []).every((each, i) =>
        sameAs('core.v1.NodeSelectorRequirement', each, terms[index]?.[field]?.[i]),
      )
      if (kept) continue
      const text = 'only additions are allowed (no mutations or deletions)'
      errors.push(invalid(`${base}.nodeSelectorTerms[${index}]`, terms[index], text))
    }
  }
}

/** What the scheduler posts to `pods/binding` (and `bindings`). */
export function validateBinding({ target }: Binding): FieldError[] {
  const errors: Errors = []
  const { kind, name } = target ?? {}
  if (kind && kind !== 'Node') errors.push(notSupported('target.kind', kind, ['Node', '<empty>']))
  if (!name) errors.push(required('target.name'))
  return errors
}
