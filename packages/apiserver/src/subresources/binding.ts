/** `pods/binding` and the `bindings` resource: the scheduler's decision (pkg/registry/core/pod/storage, BindingREST). */
import { type Kind, writeZeros } from '@canopus/api'
import type { Binding, Pod, PodCondition } from '@canopus/api/core/v1'
import {
  aggregateText,
  badRequestError,
  checkPathSegmentName,
  conflictError,
  fieldErrorText,
  formatTime,
  goQuote,
  notSupported,
  type Preconditions,
  plainError,
  required,
  type Status,
} from '@canopus/apimachinery'
import { decodeBody } from '../encoding/body.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import { matchNamespace } from '../registry/create.ts'
import { type Endpoint, writeCallOf } from '../registry/endpoint.ts'
import { readBody } from '../registry/handler-events.ts'
import { dropDuplicateOwners } from '../registry/owner-references.ts'
import { statusResponse } from '../registry/respond.ts'
import { updateObject } from '../registry/update.ts'
import type { SubresourceContext } from './subresource.ts'

const BINDING = { apiVersion: 'v1', kind: 'Binding', message: 'core.v1.Binding' }

/** `own` is the kind of the resource `bindings` where that was asked for; admission is told of it instead of the pod. */
export async function serveBinding(
  context: SubresourceContext,
  pods: Endpoint,
  call: Call,
  own?: Kind,
): Promise<ApiResponse> {
  const { options, write } = writeCallOf(call, 'CreateOptions')
  const { headers } = call.request
  const binding = decodeBody<Binding>(
    await readBody(call.request),
    headers,
    BINDING,
    options.fieldValidation,
    call.warnings,
  )
  call.audit?.requestObject(binding, BINDING)
  matchNamespace(pods.store, call.info.namespace, binding.metadata)
  dropDuplicateOwners(binding, call.warnings, false)
  const name = call.info.name === '' ? binding.metadata.name : call.info.name
  const subresource = { ...write, subresource: 'binding' }
  const target = {
    kind: pods.kind,
    operation: 'CREATE' as const,
    namespace: call.info.namespace,
    name,
    object: binding,
    oldObject: undefined,
    objectKind: { group: '', version: 'v1', kind: 'Binding' },
  }
  const admission = own === undefined ? subresource : write
  const seen = own === undefined ? target : { ...target, kind: own }
  await pods.store.context.admission.mutate(admission, seen)
  checkBinding(binding, name)
  await pods.store.context.admission.validate(admission, seen)
  const now = formatTime(context.clock.now())
  const isLabelled = context.featureGates.enabled('PodTopologyLabelsAdmission')
  checkKey(name)
  await updateObject(pods.store, subresource, call.info.namespace, name, {
    unconditional: true,
    admitted: true,
    unchecked: true,
    preconditions: preconditionsOf(binding, own !== undefined),
    produce: old => bound(old as Pod, isLabelled ? binding : withoutLabels(binding), now),
    // Being bound is no change of what was asked for: the generation stays (conformance test "Pods Generation, updates").
    prepare: pod => writeZeros(pods.kind, pod),
    validate: () => [],
  })
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
  return statusResponse(call.request, 201, status)
}

/** What cannot be a key of the store (NamespaceKeyFunc in k8s.io/apiserver/pkg/registry/generic/registry/store.go). */
function checkKey(name: string | undefined): void {
  if (!name) throw badRequestError('Name parameter required.')
  const problems = checkPathSegmentName(name)
  if (problems.length > 0) throw badRequestError(`Name parameter invalid: ${goQuote(name)}: ${problems.join(';')}`)
}

const withoutLabels = (binding: Binding): Binding => ({
  ...binding,
  metadata: { ...binding.metadata, labels: undefined },
})

/** The pod that is meant, where the binding says more than its name. One that is an object of its own has no uid of a pod. */
function preconditionsOf({ metadata: { uid, resourceVersion } }: Binding, isOwn: boolean): Preconditions {
  return { ...(uid && !isOwn ? { uid } : {}), ...(resourceVersion ? { resourceVersion } : {}) }
}

/** What is wrong with a binding is no Status upstream, and answered like any other error of the server. */
function checkBinding(binding: Binding, name: string): void {
  if (binding.metadata.name !== name) throw badRequestError('name in URL does not match name in Binding object')
  const { kind, name: node } = binding.target ?? {}
  const errors = [
    ...(kind && kind !== 'Node' ? [notSupported('target.kind', kind, ['Node', '<empty>'])] : []),
    ...(node ? [] : [required('target.name')]),
  ]
  if (errors.length === 0) return
  throw plainError(aggregateText(errors.map(fieldErrorText)))
}

function bound(old: Pod, binding: Binding, now: string): Pod {
  const { name } = old.metadata
  const refuse = (why: string): never => {
    throw conflictError({ group: '', resource: 'pods/binding', name }, why)
  }
  if (old.metadata.deletionTimestamp) refuse(`pod ${name} is being deleted, cannot be assigned to a host`)
  if (old.spec.nodeName) refuse(`pod ${name} is already assigned to node ${JSON.stringify(old.spec.nodeName)}`)
  if ((old.spec.schedulingGates ?? []).length > 0) refuse(`pod ${name} has non-empty .spec.schedulingGates`)
  const { annotations, labels } = binding.metadata
  // A nomination has served its purpose (ClearingNominatedNodeNameAfterBinding, on since 1.35).
  const { nominatedNodeName: _, ...status } = old.status ?? {}
  const metadata = { ...old.metadata }
  if (annotations !== undefined) metadata.annotations = { ...metadata.annotations, ...annotations }
  if (labels !== undefined) metadata.labels = { ...metadata.labels, ...labels }
  const conditions = [...(old.status?.conditions ?? [])]
  const at = conditions.findIndex(each => each.type === 'PodScheduled')
  const before = conditions[at]
  const since = before?.status === 'True' ? before.lastTransitionTime : undefined
  const scheduled: PodCondition = { type: 'PodScheduled', status: 'True', lastTransitionTime: since ?? now }
  conditions.splice(at < 0 ? conditions.length : at, 1, scheduled)
  return {
    ...old,
    metadata,
    spec: { ...old.spec, nodeName: binding.target.name! },
    status: { ...status, conditions },
  }
}
