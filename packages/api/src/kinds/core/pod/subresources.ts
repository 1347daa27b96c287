/** `pods/resize` and `pods/ephemeralcontainers` (pkg/registry/core/pod/strategy.go, validation.go). */
import { type FieldError, forbidden, invalid, isFeatureOn } from '@canopus/apimachinery'
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../generated/core.v1.ts'
import type { SubresourceStrategy } from '../../../kind.ts'
import type { Errors } from '../../shared/check.ts'
import { describeDifference } from '../../shared/difference.ts'
import { sameAs } from '../../shared/equality.ts'
import { copyField, setGeneration } from '../../shared/strategy.ts'
import { podQosClass } from './qos.ts'
import { checkAnnotationUpdates } from './validate-annotations.ts'
import { checkPod } from './validation.ts'

const MIRROR = 'kubernetes.io/config.mirror'

/** Everything stays as it was, but for what `change` takes over. */
function keepOld(pod: Pod, old: Pod, change: (spec: Pod['spec']) => Pod['spec']): void {
  const { managedFields } = pod.metadata
  const spec = change(old.spec)
  pod.metadata = { ...old.metadata }
  if (managedFields !== undefined) pod.metadata.managedFields = managedFields
  pod.spec = spec
  copyField(pod, old, 'status')
  setGeneration(pod, old, sameAs('core.v1.PodSpec', pod.spec, old.spec))
}

/** The old containers with what resizing may change; the new ones as they are where they are not the same containers. */
function resized(containers: readonly Container[] = [], old: readonly Container[] = []): Container[] {
  if (containers.some((container, index) => container.name !== old[index]?.name)) return [...containers]
  return old.map((container, index) => {
    const { resizePolicy: _policy, ...rest } = container
    const { resources = {}, resizePolicy } = containers[index]!
    return { ...rest, resources, ...(resizePolicy !== undefined && { resizePolicy }) }
  })
}

const hasOwnResources = ({ spec: { resources } }: Pod): boolean =>
  Object.keys(resources?.requests ?? {}).length + Object.keys(resources?.limits ?? {}).length > 0

const POD_LEVEL = 'InPlacePodLevelResourcesVerticalScaling'

/** Upstream's ValidatePodResize; pods may have resources of their own (KEP-5419). */
function validateResize(pod: Pod, old: Pod): FieldError[] {
  const errors: Errors = []
  checkPod(errors, pod)
  if (old.metadata.annotations?.[MIRROR] !== undefined) return [forbidden('[]', 'static pods cannot be resized')]
  if (old.spec.os?.name === 'windows') return [forbidden('[]', 'windows pods cannot be resized')]
  const qos = old.status?.qosClass ?? podQosClass(old.spec)
  if (qos !== podQosClass(pod.spec)) {
    errors.push(invalid('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'))
  }
  const running = old.status?.containerStatuses?.find(status => status.state?.running)
  if (running !== undefined && running.resources === undefined) {
    errors.push(forbidden('spec', 'Pod running on node without support for resize'))
  }
  const isOwn = hasOwnResources(old) || hasOwnResources(pod)
  if (isOwn && !isFeatureOn(POD_LEVEL)) {
    const why = `resize of pods with pod-level resources is forbidden when ${POD_LEVEL}Enabled feature gate is disabled`
    return [...errors, forbidden('[]', why)]
  }
  const resources = isOwn ? checkPodLevel(errors, pod.spec.resources, old.spec.resources) : pod.spec.resources
  if ((old.status?.nodeAllocatableResourceClaimStatuses ?? []).length > 0) {
    errors.push(forbidden('spec', 'pods with node allocatable resource claims cannot be resized'))
  }
  const before = errors.length
  for (const list of ['containers', 'initContainers'] as const) checkSameContainers(errors, list, pod, old)
  if (errors.length > before) return errors
  checkNothingRemoved(errors, pod, old)
  checkOnlyCompute(errors, { ...pod.spec, resources } as PodSpec, old.spec)
  return errors
}

const hasLost = (now: ResourceRequirements | undefined, was: ResourceRequirements, kind: 'requests' | 'limits') =>
  Object.keys(was[kind] ?? {}).some(name => now?.[kind]?.[name] === undefined)

type Resources = ResourceRequirements | undefined

/** The new resources of the pod itself, with what may change as it was. */
function checkPodLevel(errors: Errors, now: Resources, was: Resources): Resources {
  const field = 'spec.resources'
  if (was !== undefined && now === undefined) {
    errors.push(forbidden(field, 'pod-level resources cannot be removed'))
    return now
  }
  for (const kind of ['requests', 'limits'] as const) {
    if (was === undefined || !hasLost(now, was, kind)) continue
    errors.push(forbidden(`${field}.${kind}`, `pod-level resource ${kind} cannot be removed`))
  }
  const munged = now && { ...now, ...withOldCompute(now, was) }
  const isEmpty = Object.values(munged ?? {}).every(each => Object.keys(each as object).length === 0)
  const kept = was === undefined && isEmpty ? undefined : munged
  const isSame = (kept === undefined) === (was === undefined) && sameAs('core.v1.ResourceRequirements', kept, was)
  if (!isSame) errors.push(forbidden('spec', 'only cpu and memory resources are mutable at pod-level'))
  return kept
}

function checkSameContainers(errors: Errors, list: 'initContainers' | 'containers', pod: Pod, old: Pod): void {
  const now = pod.spec[list] ?? []
  const was = old.spec[list] ?? []
  if (now.length !== was.length) {
    errors.push(forbidden(`spec.${list}`, `${list} may not be added or removed on resize`))
    return
  }
  for (const [index, { name }] of was.entries()) {
    if (now[index]!.name === name) continue
    errors.push(forbidden(`spec.${list}[${index}].name`, `${list} may not be renamed or reordered on resize`))
  }
}

const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

function checkNothingRemoved(errors: Errors, pod: Pod, old: Pod): void {
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, before] of (old.spec[list] ?? []).entries()) {
      for (const kind of ['requests', 'limits'] as const) {
        if (!hasLost(pod.spec[list]![index]!.resources, before.resources ?? {}, kind)) continue
        const field = `spec.${list}[${index}].resources.${kind}`
        errors.push(forbidden(field, `resource ${kind} cannot be removed`))
      }
    }
  }
}

/** The new spec with what may change as it was has to be the old one. */
function checkOnlyCompute(errors: Errors, now: PodSpec, was: PodSpec): void {
  const containers = now.containers.map((container, index) => munged(container, was.containers[index]!))
  for (const [index, container] of containers.entries()) {
    if (sameAs('core.v1.Container', container, was.containers[index])) continue
    errors.push(forbidden('spec', ONLY_COMPUTE))
  }
  const initContainers = (now.initContainers ?? []).map((container, index) => {
    const old = was.initContainers![index]!
    const kept = munged(container, old)
    checkInit(errors, `spec.initContainers[${index}]`, { now: container, kept, old })
    return kept
  })
  if (errors.length > 0) return
  if (!sameAs('core.v1.PodSpec', { ...now, containers, initContainers }, was)) {
    errors.push(forbidden('spec', ONLY_COMPUTE))
  }
}

const ONLY_COMPUTE = 'only cpu and memory resources are mutable'

function checkInit(errors: Errors, field: string, { now, kept, old }: Record<'now' | 'kept' | 'old', Container>): void {
  if (!sameAs('core.v1.Container', kept, old)) {
    errors.push(forbidden(field, 'only cpu and memory resources for init or sidecar containers are mutable'))
  }
  if (isSidecar(now) || sameAs('core.v1.Container', now, old)) return
  for (const { restartPolicy } of now.resizePolicy ?? []) {
    if (restartPolicy !== 'RestartContainer') continue
    const text = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'
    errors.push(forbidden(field, text))
  }
}

/** With the old CPU and memory, and without claims, which upstream leaves out here. */
const munged = (container: Container, old: Container): Container => ({
  ...container,
  resources: withOldCompute(container.resources ?? {}, old.resources),
})

type Amounts = Readonly<Record<string, string>> | undefined

function withOldCompute(now: ResourceRequirements, was: Resources): ResourceRequirements {
  const kept: ResourceRequirements = {}
  for (const kind of ['limits', 'requests'] as const) {
    const amounts = oldCompute(now[kind], was?.[kind])
    if (amounts !== undefined) kept[kind] = amounts
  }
  return kept
}

function oldCompute(now: Amounts, was: Amounts): Record<string, string> | undefined {
  if (now === undefined && was === undefined) return undefined
  const { cpu: _cpu, memory: _memory, ...others } = now ?? {}
  const { cpu, memory } = was ?? {}
  return { ...others, ...(cpu !== undefined && { cpu }), ...(memory !== undefined && { memory }) }
}

export const resize: SubresourceStrategy<Pod> = {
  prepareForUpdate(pod, old) {
    const { containers = [], initContainers = [], resources } = pod.spec ?? {}
    const before = old.spec?.initContainers ?? []
    // Validation tells who adds or removes containers.
    if (containers.length !== (old.spec?.containers ?? []).length || initContainers.length !== before.length) return
    keepOld(pod, old, ({ resources: _resources, ...spec }) => ({
      ...spec,
      ...(resources !== undefined && { resources }),
      containers: resized(containers, spec.containers),
      ...(spec.initContainers && { initContainers: resized(initContainers, spec.initContainers) }),
    }))
  },
  validateUpdate: validateResize,
}

export const ephemeralContainers: SubresourceStrategy<Pod> = {
  prepareForUpdate(pod, old) {
    const wanted = pod.spec?.ephemeralContainers
    keepOld(pod, old, ({ ephemeralContainers: _, ...spec }) =>
      wanted === undefined ? spec : { ...spec, ephemeralContainers: wanted },
    )
  },
  validateUpdate(pod, old) {
    const errors: Errors = []
    checkPod(errors, pod)
    checkAnnotationUpdates(errors, pod, old)
    if (old.metadata.annotations?.[MIRROR] !== undefined) {
      return [forbidden('[]', 'static pods do not support ephemeral containers')]
    }
    for (const before of old.spec.ephemeralContainers ?? []) {
      const now = pod.spec.ephemeralContainers?.find(each => each.name === before.name)
      const name = JSON.stringify(before.name)
      if (now === undefined) {
        const text = `existing ephemeral containers ${name} may not be removed\n`
        errors.push(forbidden('spec.ephemeralContainers', text))
      } else if (!sameAs('core.v1.EphemeralContainer', before, now)) {
        const text = `existing ephemeral containers ${name} may not be changed\n${describeDifference(before, now, 'core.v1.EphemeralContainer')}`
        errors.push(forbidden('spec.ephemeralContainers', text))
      }
    }
    return errors
  },
}
