/** `pods/resize` and `pods/ephemeralcontainers` (pkg/registry/core/pod/strategy.go, validation.go). */
import { type FieldError, forbidden, invalid, semanticEqual } from '@canopus/apimachinery'
import type { Container, Pod, ResourceRequirements } from '../../../generated/core.v1.ts'
import type { SubresourceStrategy } from '../../../kind.ts'
import type { Errors } from '../../shared/check.ts'
import { describeDifference } from '../../shared/difference.ts'
import { copyField, setGeneration } from '../../shared/strategy.ts'
import { podQosClass } from './qos.ts'
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
  setGeneration(pod, old, semanticEqual(pod.spec, old.spec))
}

/** Takes resources and resize policies of containers of the same name. */
function resized(containers: readonly Container[] | undefined, old: readonly Container[] = []): Container[] {
  return old.map(container => {
    const wanted = containers?.find(each => each.name === container.name)
    if (wanted === undefined) return container
    const { resizePolicy: _policy, ...rest } = container
    const resources = wanted.resources ?? {}
    return { ...rest, resources, ...(wanted.resizePolicy !== undefined && { resizePolicy: wanted.resizePolicy }) }
  })
}

function validateResize(pod: Pod, old: Pod): FieldError[] {
  const errors: Errors = []
  checkPod(errors, pod)
  const hasOwn = ({ spec: { resources } }: Pod): boolean =>
    Object.keys(resources?.requests ?? {}).length + Object.keys(resources?.limits ?? {}).length > 0
  if (hasOwn(old) || hasOwn(pod)) return [forbidden('', 'pods with pod-level resources cannot be resized')]
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
  for (const list of ['initContainers', 'containers'] as const) checkResized(errors, list, pod, old)
  return errors
}

function checkResized(errors: Errors, list: 'initContainers' | 'containers', pod: Pod, old: Pod): void {
  for (const [index, before] of (old.spec[list] ?? []).entries()) {
    const now = pod.spec[list]?.[index]
    if (now === undefined) continue
    if (list === 'initContainers' && before.restartPolicy !== 'Always') {
      if (semanticEqual(now, before)) continue
      errors.push(forbidden('spec', 'resources for non-sidecar init containers are immutable'))
      continue
    }
    const field = `spec.${list}[${index}].resources`
    for (const kind of ['requests', 'limits'] as const) {
      const gone = Object.keys(before.resources?.[kind] ?? {}).some(name => now.resources?.[kind]?.[name] === undefined)
      if (gone) errors.push(forbidden(`${field}.${kind}`, `resource ${kind} cannot be removed`))
    }
    if (semanticEqual(withoutComputeOf(now.resources), withoutComputeOf(before.resources))) continue
    const which =
      list === 'containers' ? 'only cpu and memory resources' : 'only cpu and memory resources for sidecar containers'
    errors.push(forbidden('spec', `${which} are mutable`))
  }
}

function withoutComputeOf(resources: ResourceRequirements | undefined): unknown {
  const rest = ({ cpu: _cpu, memory: _memory, ...others }: Record<string, string> = {}) => others
  return { ...resources, requests: rest(resources?.requests), limits: rest(resources?.limits) }
}

export const resize: SubresourceStrategy<Pod> = {
  prepareForUpdate(pod, old) {
    const { containers, initContainers } = pod.spec ?? {}
    keepOld(pod, old, spec => ({
      ...spec,
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
    if (old.metadata.annotations?.[MIRROR] !== undefined) {
      return [forbidden('', 'static pods do not support ephemeral containers')]
    }
    for (const before of old.spec.ephemeralContainers ?? []) {
      const now = pod.spec.ephemeralContainers?.find(each => each.name === before.name)
      const name = JSON.stringify(before.name)
      if (now === undefined) {
        const text = `existing ephemeral containers ${name} may not be removed\n`
        errors.push(forbidden('spec.ephemeralContainers', text))
      } else if (!semanticEqual(before, now)) {
        const text = `existing ephemeral containers ${name} may not be changed\n${describeDifference(before, now)}`
        errors.push(forbidden('spec.ephemeralContainers', text))
      }
    }
    return errors
  },
}
