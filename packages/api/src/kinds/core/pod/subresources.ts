/** `pods/resize` and `pods/ephemeralcontainers` (pkg/registry/core/pod/strategy.go, validation.go). */
import { type FieldError, forbidden, invalid } from '@canopus/apimachinery'
import type { Container, Pod, ResourceRequirements } from '../../../generated/core.v1.ts'
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

/** Upstream's ValidatePodResize; pods may have resources of their own (KEP-5419). */
function validateResize(pod: Pod, old: Pod): FieldError[] {
  const errors: Errors = []
  checkPod(errors, pod)
  if (old.metadata.annotations?.[MIRROR] !== undefined) return [forbidden('', 'static pods cannot be resized')]
  if (old.spec.os?.name === 'windows') return [forbidden('', 'windows pods cannot be resized')]
  const qos = old.status?.qosClass ?? podQosClass(old.spec)
  if (qos !== podQosClass(pod.spec)) {
    errors.push(invalid('spec', pod.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing'))
  }
  const running = old.status?.containerStatuses?.find(status => status.state?.running)
  if (running !== undefined && running.resources === undefined) {
    errors.push(forbidden('spec', 'Pod running on node without support for resize'))
  }
  if (hasOwnResources(old) || hasOwnResources(pod)) checkPodLevel(errors, pod.spec.resources, old.spec.resources)
  if ((old.status?.nodeAllocatableResourceClaimStatuses ?? []).length > 0) {
    errors.push(forbidden('spec', 'pods with node allocatable resource claims cannot be resized'))
  }
  const before = errors.length
  for (const list of ['containers', 'initContainers'] as const) checkSameContainers(errors, list, pod, old)
  if (errors.length > before) return errors
  checkNothingRemoved(errors, pod, old)
  checkOnlyCompute(errors, pod, old)
  return errors
}

const hasLost = (now: ResourceRequirements | undefined, was: ResourceRequirements, kind: 'requests' | 'limits') =>
  Object.keys(was[kind] ?? {}).some(name => now?.[kind]?.[name] === undefined)

function checkPodLevel(
  errors: Errors,
  now: ResourceRequirements | undefined,
  was: ResourceRequirements | undefined,
): void {
  const field = 'spec.resources'
  if (was !== undefined && now === undefined) {
    errors.push(forbidden(field, 'pod-level resources cannot be removed'))
    return
  }
  for (const kind of ['requests', 'limits'] as const) {
    if (was === undefined || !hasLost(now, was, kind)) continue
    errors.push(forbidden(`${field}.${kind}`, `pod-level resource ${kind} cannot be removed`))
  }
  if (sameResources(withoutComputeOf(now), withoutComputeOf(was))) return
  errors.push(forbidden('spec', 'only cpu and memory resources are mutable at pod-level'))
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

function checkOnlyCompute(errors: Errors, pod: Pod, old: Pod): void {
  const others = (container: Container) => withoutComputeOf(container.resources)
  for (const [index, before] of (old.spec.containers ?? []).entries()) {
    if (sameResources(others(pod.spec.containers[index]!), others(before))) continue
    errors.push(forbidden('spec', 'only cpu and memory resources are mutable'))
  }
  for (const [index, before] of (old.spec.initContainers ?? []).entries()) {
    const now = pod.spec.initContainers![index]!
    const field = `spec.initContainers[${index}]`
    if (!sameResources(others(now), others(before))) {
      errors.push(forbidden(field, 'only cpu and memory resources for init or sidecar containers are mutable'))
    }
    if (isSidecar(now) || sameAs('core.v1.Container', now, before)) continue
    for (const { restartPolicy } of now.resizePolicy ?? []) {
      if (restartPolicy !== 'RestartContainer') continue
      const text = 'non-sidecar init containers with a resize policy of RestartContainer cannot be resized'
      errors.push(forbidden(field, text))
    }
  }
}

const sameResources = (one: unknown, other: unknown): boolean => sameAs('core.v1.ResourceRequirements', one, other)

function withoutComputeOf(resources: ResourceRequirements | undefined): unknown {
  const rest = ({ cpu: _cpu, memory: _memory, ...others }: Record<string, string> = {}) => others
  return { ...resources, requests: rest(resources?.requests), limits: rest(resources?.limits) }
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
      return [forbidden('', 'static pods do not support ephemeral containers')]
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
