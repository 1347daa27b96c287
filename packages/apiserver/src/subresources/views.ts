/** Subresources that are the same object, of which they may change only a part. */

import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '@canopus/api/certificates/v1'
import type { Container, Namespace, Pod } from '@canopus/api/core/v1'
import { deepEqual, type FieldError, forbidden, formatTime, invalid, type KubeObject } from '@canopus/apimachinery'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import type { SubresourceContext } from './subresource.ts'

export function serveStatus(_context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  return endpoint.serveView(call)
}

/** `namespaces/finalize`: the only way to take something out of `spec.finalizers`. */
export function serveFinalize(_context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  return endpoint.serveView(call, {
    prepare: (object, old) => {
      const namespace = object as Namespace
      const before = old as Namespace
      if (before.status === undefined) delete namespace.status
      else namespace.status = before.status
    },
    validate: () => [],
  })
}

/** `certificatesigningrequests/approval`: changes conditions and nothing else. */
export function serveApproval(context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  const now = formatTime(context.clock.now())
  return endpoint.serveView(call, {
    prepare: (object, old) => {
      const request = object as CertificateSigningRequest
      const before = old as CertificateSigningRequest
      request.spec = before.spec
      const conditions = request.status?.conditions ?? []
      request.status = { ...before.status, conditions: conditions.map(each => dated(each, before, now)) }
    },
    validate: (object, old) => approvalErrors(object as CertificateSigningRequest, old as CertificateSigningRequest),
  })
}

function dated(
  condition: CertificateSigningRequestCondition,
  old: CertificateSigningRequest,
  now: string,
): CertificateSigningRequestCondition {
  const before = old.status?.conditions?.find(each => each.type === condition.type)
  return {
    ...condition,
    lastUpdateTime: condition.lastUpdateTime ?? now,
    lastTransitionTime: before?.lastTransitionTime ?? condition.lastTransitionTime ?? now,
  }
}

function approvalErrors(request: CertificateSigningRequest, old: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = []
  const has = (object: CertificateSigningRequest, type: string): boolean =>
    object.status?.conditions?.some(each => each.type === type) ?? false
  for (const type of ['Approved', 'Denied', 'Failed']) {
    if (has(old, type) && !has(request, type)) {
      errors.push(forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`))
    }
  }
  if (has(request, 'Approved') && has(request, 'Denied')) {
    errors.push(invalid('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive'))
  }
  return errors
}

/** `pods/ephemeralcontainers`: may only add. */
export function serveEphemeralContainers(
  _context: SubresourceContext,
  endpoint: Endpoint,
  call: Call,
): Promise<ApiResponse> {
  const { strategy } = endpoint.kind
  return endpoint.serveView(call, {
    prepare: (object, old) => {
      const pod = object as Pod
      const before = old as Pod
      const { ephemeralContainers } = pod.spec
      const { ephemeralContainers: _, ...spec } = before.spec
      pod.spec = ephemeralContainers === undefined ? spec : { ...spec, ephemeralContainers }
      pod.metadata = { ...before.metadata, resourceVersion: pod.metadata.resourceVersion }
      if (before.status === undefined) delete pod.status
      else pod.status = before.status
      strategy.default?.(object)
      countUp(pod, before)
    },
    validate: (object, old) => ephemeralErrors(object as Pod, old as Pod),
  })
}

function ephemeralErrors(pod: Pod, old: Pod): FieldError[] {
  const now = new Map((pod.spec.ephemeralContainers ?? []).map(each => [each.name, each]))
  const errors: FieldError[] = []
  for (const before of old.spec.ephemeralContainers ?? []) {
    const same = now.get(before.name)
    const field = 'spec.ephemeralContainers'
    if (same === undefined)
      errors.push(forbidden(field, `existing ephemeral containers ${JSON.stringify(before.name)} may not be removed`))
    else if (!deepEqual(same, before)) {
      errors.push(forbidden(field, `existing ephemeral containers ${JSON.stringify(before.name)} may not be changed`))
    }
  }
  const taken = new Set([...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(each => each.name))
  for (const [index, each] of (pod.spec.ephemeralContainers ?? []).entries()) {
    if (taken.has(each.name)) {
      errors.push({
        ...invalid(`spec.ephemeralContainers[${index}].name`, each.name, ''),
        type: 'FieldValueDuplicate',
        body: `Duplicate value: ${JSON.stringify(each.name)}`,
      })
    }
  }
  return errors
}

/** `pods/resize`: resources and resize policies of containers, nothing else (KEP-1287). */
export function serveResize(_context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  return endpoint.serveView(call, {
    prepare: (object, old) => {
      const pod = object as Pod
      const before = old as Pod
      const wanted = pod.spec
      pod.spec = { ...before.spec, containers: resized(before.spec.containers, wanted.containers) }
      if (before.spec.initContainers !== undefined) {
        pod.spec.initContainers = resized(before.spec.initContainers, wanted.initContainers ?? [])
      }
      pod.metadata = { ...before.metadata, resourceVersion: pod.metadata.resourceVersion }
      if (before.status === undefined) delete pod.status
      else pod.status = before.status
      countUp(pod, before)
    },
    validate: (object, old) => resizeErrors(object as Pod, old as Pod),
  })
}

function resized(before: readonly Container[], wanted: readonly Container[]): Container[] {
  return before.map(each => {
    const other = wanted.find(({ name }) => name === each.name)
    if (other === undefined) return each
    const { resources, resizePolicy } = other
    return {
      ...each,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    }
  })
}

function resizeErrors(pod: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = []
  for (const [index, container] of pod.spec.containers.entries()) {
    const before = old.spec.containers[index]
    for (const kind of ['limits', 'requests'] as const) {
      const names = new Set([
        ...Object.keys(container.resources?.[kind] ?? {}),
        ...Object.keys(before?.resources?.[kind] ?? {}),
      ])
      for (const name of names) {
        if (name === 'cpu' || name === 'memory') continue
        if (container.resources?.[kind]?.[name] !== before?.resources?.[kind]?.[name]) {
          errors.push(
            forbidden(`spec.containers[${index}].resources.${kind}`, 'only cpu and memory resources are mutable'),
          )
        }
      }
    }
  }
  return errors
}

function countUp(object: KubeObject, old: KubeObject): void {
  const { spec } = object as Pod
  if (!deepEqual(spec, (old as Pod).spec)) object.metadata.generation = (old.metadata.generation ?? 0) + 1
}
