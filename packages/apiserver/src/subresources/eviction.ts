/** `pods/eviction`: a delete that asks the disruption budgets first (pkg/registry/core/pod/storage/eviction.go). */
import { PodDisruptionBudgets } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { Eviction, PodDisruptionBudget } from '@canopus/api/policy/v1'
import {
  badRequestError,
  type DeleteOptions,
  deepEqual,
  formatTime,
  hasReason,
  internalError,
  invalid,
  invalidError,
  type KubeObject,
  labelSelector,
  matches,
  type Preconditions,
  plainError,
  SelectorError,
  type Status,
  StatusError,
} from '@canopus/apimachinery'
import { decodeBody } from '../encoding/body.ts'
import { deleteOptions } from '../filters/options.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call, WriteCall } from '../registry/call.ts'
import { matchNamespace } from '../registry/create.ts'
import { deleteObject } from '../registry/delete.ts'
import { type Endpoint, writeCallOf } from '../registry/endpoint.ts'
import { readBytes } from '../registry/handler-events.ts'
import { dropDuplicateOwners } from '../registry/owner-references.ts'
import { checkDeletePreconditions } from '../registry/preconditions.ts'
import { statusResponse } from '../registry/respond.ts'
import { updateObject } from '../registry/update.ts'
import type { SubresourceContext } from './subresource.ts'

/** Clients still send the form of v1beta1, long after the rest of that version has gone. */
const EVICTION = {
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  message: 'policy.v1.Eviction',
  olderVersions: ['policy/v1beta1'],
}
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."

export async function serveEviction(context: SubresourceContext, pods: Endpoint, call: Call): Promise<ApiResponse> {
  const { namespace, name } = call.info
  const { options, write } = writeCallOf(call, 'CreateOptions')
  const { headers } = call.request
  const decoded = decodeBody<Eviction>(
    await readBytes(call.request),
    headers,
    EVICTION,
    options.fieldValidation,
    call.warnings,
  )
  const eviction: Eviction = { ...decoded, apiVersion: EVICTION.apiVersion }
  call.audit?.requestObject(eviction, EVICTION)
  matchNamespace(pods.store, namespace, eviction.metadata)
  if (eviction.metadata.name !== name) {
    throw badRequestError('name in URL does not match name in Eviction object')
  }
  dropDuplicateOwners(eviction as KubeObject, call.warnings, false)
  checkOptions(eviction, name)
  const wanted = withDryRun(eviction.deleteOptions, options.dryRun ? ['All'] : [])
  const dryRun = (wanted.dryRun ?? []).length > 0
  const own: WriteCall = { ...write, dryRun }
  const target = {
    kind: pods.kind,
    operation: 'CREATE' as const,
    namespace,
    name,
    object: eviction,
    oldObject: undefined,
    objectKind: { group: 'policy', version: 'v1', kind: 'Eviction' },
  }
  await pods.store.context.admission.mutate(own, target)
  await pods.store.context.admission.validate(own, target)
  const pod = pods.store.view(await pods.store.get(namespace, name)) as Pod
  if (!ignoresBudgets(pod)) await askBudget(context, pods, own, pod)
  await evict(context, pods, own, pod, wanted)
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
  return statusResponse(call.request, 201, status)
}

function checkOptions({ deleteOptions: own }: Eviction, name: string): void {
  const option = 'ignoreStoreReadErrorWithClusterBreakingPotential'
  if (own?.[option] !== true) return
  const text = 'can not be set for pod eviction, try after removing the option'
  throw invalidError({ group: 'policy', resource: 'Eviction', name }, [invalid(`deleteOptions.${option}`, true, text)])
}

/** A dry run may be asked for by the request or in its body (propagateDryRun). Throws a plain error where they disagree. */
function withDryRun(options: DeleteOptions = {}, asked: string[]): DeleteOptions {
  const own = options.dryRun ?? []
  if (own.length === 0) return { ...options, ...(asked.length > 0 && { dryRun: asked }) }
  if (asked.length === 0 || deepEqual(asked, own)) return options
  const both = `[${asked.join(' ')}] and [${own.join(' ')}]`
  throw plainError(`Non-matching dry-run options in request and content: ${both}`)
}

/** Pods that do no work any more, or not yet, disrupt nothing. */
function ignoresBudgets(pod: Pod): boolean {
  const phase = pod.status?.phase
  return (
    phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined
  )
}

async function askBudget(context: SubresourceContext, pods: Endpoint, call: WriteCall, pod: Pod): Promise<void> {
  await pods.store.context.cache.fresh()
  const budgets = context.objects.list(PodDisruptionBudgets, pod.metadata.namespace).filter(each => selects(each, pod))
  if (budgets.length > 1) {
    throw internalError(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  }
  const [budget] = budgets
  if (budget === undefined) return
  const store = context.resources.storeOf(PodDisruptionBudgets)!
  const now = formatTime(context.clock.now())
  await updateObject(store, { ...call, subresource: 'status' }, pod.metadata.namespace!, budget.metadata.name, {
    unconditional: true,
    admitted: true,
    produce: current => charged(current as PodDisruptionBudget, pod, now),
  })
}

function selects(budget: PodDisruptionBudget, pod: Pod): boolean {
  try {
    return matches(labelSelector(budget.spec.selector), pod.metadata.labels)
  } catch (error) {
    if (error instanceof SelectorError) return false
    throw error
  }
}

/** The budget after this eviction. Throws StatusError 429 where it has nothing left. */
function charged(budget: PodDisruptionBudget, pod: Pod, now: string): PodDisruptionBudget {
  const { name } = budget.metadata
  const status = budget.status ?? { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }
  if (!isReady(pod)) {
    const always = budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow'
    if (always || (status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0)) return budget
  }
  if ((status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`, 10)
  }
  if (status.disruptionsAllowed <= 0) {
    throw refused(
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
      0,
    )
  }
  return {
    ...budget,
    metadata: { ...budget.metadata },
    status: {
      ...status,
      disruptionsAllowed: status.disruptionsAllowed - 1,
      disruptedPods: { ...status.disruptedPods, [pod.metadata.name]: now },
    },
  }
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(each => each.type === 'Ready' && each.status === 'True') ?? false
}

function refused(why: string, retryAfterSeconds: number): StatusError {
  return new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message: REFUSED,
    details: {
      causes: [{ reason: 'DisruptionBudget', message: why }],
      ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
    },
  })
}

async function evict(
  context: SubresourceContext,
  pods: Endpoint,
  call: WriteCall,
  pod: Pod,
  options: DeleteOptions,
): Promise<void> {
  const { namespace, name, uid } = pod.metadata
  const plain: WriteCall = { ...call, subresource: '' }
  if (!call.dryRun) {
    const now = formatTime(context.clock.now())
    await updateObject(pods.store, { ...call, subresource: 'status' }, namespace!, name, {
      unconditional: true,
      admitted: true,
      produce: old => {
        checkDeletePreconditions(pods.store, name, old!, meant(options.preconditions))
        return targeted(old as Pod, now)
      },
    })
  }
  const checked = deleteOptions(new URLSearchParams(), options)
  // The mark above changed the version that the caller may have meant; its uid still stands.
  const preconditions = call.dryRun ? options.preconditions : { uid }
  try {
    await deleteObject(
      pods.store,
      plain,
      namespace!,
      name,
      { ...checked, ...(preconditions && { preconditions }) },
      true,
    )
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}

/** What is empty means nothing here. */
const meant = ({ uid, resourceVersion }: Preconditions = {}): Preconditions => ({
  ...(uid && { uid }),
  ...(resourceVersion && { resourceVersion }),
})

function targeted(pod: Pod, now: string): Pod {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: now,
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
  }
  const others = (pod.status?.conditions ?? []).filter(each => each.type !== 'DisruptionTarget')
  return { ...pod, metadata: { ...pod.metadata }, status: { ...pod.status, conditions: [...others, condition] } }
}
