/** What must be true of a cluster that has been left in peace for a while: everything is as its owners asked for. */
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '@canopus/api/apps/v1'
import type { HorizontalPodAutoscaler } from '@canopus/api/autoscaling/v2'
import type { CronJob, Job } from '@canopus/api/batch/v1'
import type { Node, Pod, ResourceQuota, Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import type { PodDisruptionBudget } from '@canopus/api/policy/v1'
import { findCondition, labelSelector, matches } from '@canopus/apimachinery'
import { AUTOSCALERS, type ClusterState, controllerOf, isActive, isEnded, isReady } from './cluster-state.ts'

/** What is not yet as it should be; nothing once the cluster has converged. */
export function unfinished(state: ClusterState): string[] {
  return [
    ...leftovers(state),
    ...state.list<Node>('minions').flatMap(node => nodeProblems(node)),
    ...state.list<Pod>('pods').flatMap(pod => podProblems(pod)),
    ...state.list<Deployment>('deployments').flatMap(each => deploymentProblems(each, state)),
    ...state.list<ReplicaSet>('replicasets').flatMap(each => replicaSetProblems(each, state)),
    ...state.list<StatefulSet>('statefulsets').flatMap(each => statefulSetProblems(each, state)),
    ...state.list<DaemonSet>('daemonsets').flatMap(each => daemonSetProblems(each, state)),
    ...state.list<Job>('jobs').flatMap(each => jobProblems(each, state)),
    ...state.list<CronJob>('cronjobs').flatMap(each => cronJobProblems(each, state)),
    ...state.list<HorizontalPodAutoscaler>(AUTOSCALERS).flatMap(each => autoscalerProblems(each, state)),
    ...state.list<ResourceQuota>('resourcequotas').flatMap(each => quotaProblems(each, state)),
    ...state.list<PodDisruptionBudget>('poddisruptionbudgets').flatMap(each => budgetProblems(each, state)),
    ...state.list<Service>('services/specs').flatMap(each => serviceProblems(each, state)),
  ]
}

/** Orphans, and what is still on its way out. */
function leftovers(state: ClusterState): string[] {
  const found: string[] = []
  for (const { key, object } of state.all()) {
    if (object.metadata.deletionTimestamp !== undefined) found.push(`${key} is still being deleted`)
    const owners = object.metadata.ownerReferences ?? []
    if (owners.length > 0 && !owners.some(owner => state.uids.has(owner.uid))) found.push(`${key} is an orphan`)
    const { namespace } = object.metadata
    if (namespace && state.get('namespaces', '', namespace) === undefined) found.push(`${key} is in no namespace`)
  }
  return found
}

function nodeProblems(node: Node): string[] {
  const ready = findCondition(node.status?.conditions, 'Ready')?.status === 'True'
  const taints = (node.spec?.taints ?? []).filter(each => each.key.startsWith('node.kubernetes.io/'))
  if (!ready) return [`node ${node.metadata.name} is not ready`]
  return taints.map(each => `node ${node.metadata.name} still has the taint ${each.key}:${each.effect}`)
}

function podProblems(pod: Pod): string[] {
  if (isEnded(pod) || isReady(pod)) return []
  const why = findCondition(pod.status?.conditions, 'PodScheduled')?.message
  const where = pod.spec.nodeName ? `on ${pod.spec.nodeName}` : 'on no node'
  return [`pod ${name(pod)} is not ready, ${where}${why ? `: ${why}` : ''}`]
}

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

const name = ({ metadata }: Named): string => `${metadata.namespace}/${metadata.name}`

/** Where a quota has nothing left, nobody can ask for more. */
const atQuota = (namespace: string | undefined, state: ClusterState): boolean =>
  state
    .list<ResourceQuota>('resourcequotas')
    .some(
      each =>
        each.metadata.namespace === namespace &&
        each.status?.used?.pods !== undefined &&
        Number(each.status.used.pods) >= Number(each.status.hard?.pods),
    )

/** Figures that are not what they should be, in words. */
function wrong(what: string, figures: Readonly<Record<string, readonly [is: unknown, shouldBe: unknown]>>): string[] {
  return Object.entries(figures)
    .filter(([, [is, shouldBe]]) => (is ?? 0) !== (shouldBe ?? 0))
    .map(([figure, [is, shouldBe]]) => `${what}: ${figure} is ${is ?? 0}, not ${shouldBe ?? 0}`)
}

function deploymentProblems(deployment: Deployment, state: ClusterState): string[] {
  const { spec, status, metadata } = deployment
  if (atQuota(metadata.namespace, state)) return []
  const wanted = spec.replicas ?? 1
  return wrong(`deployment ${name(deployment)}`, {
    observedGeneration: [status?.observedGeneration, metadata.generation],
    replicas: [status?.replicas, wanted],
    readyReplicas: [status?.readyReplicas, wanted],
    availableReplicas: [status?.availableReplicas, wanted],
    ...(spec.paused ? {} : { updatedReplicas: [status?.updatedReplicas, wanted] }),
  })
}

function replicaSetProblems(set: ReplicaSet, state: ClusterState): string[] {
  if (atQuota(set.metadata.namespace, state)) return []
  const pods = state.podsOf(set.metadata.uid).filter(isActive)
  return wrong(`replica set ${name(set)}`, {
    pods: [pods.length, set.spec.replicas ?? 1],
    'status.replicas': [set.status?.replicas, pods.length],
    'status.readyReplicas': [set.status?.readyReplicas, pods.filter(isReady).length],
  })
}

function statefulSetProblems(set: StatefulSet, state: ClusterState): string[] {
  if (atQuota(set.metadata.namespace, state)) return []
  const wanted = set.spec.replicas ?? 1
  return wrong(`stateful set ${name(set)}`, {
    replicas: [set.status?.replicas, wanted],
    readyReplicas: [set.status?.readyReplicas, wanted],
    updatedReplicas: [set.status?.updatedReplicas, wanted],
    updateRevision: [set.status?.currentRevision, set.status?.updateRevision],
  })
}

function daemonSetProblems(set: DaemonSet, state: ClusterState): string[] {
  if (atQuota(set.metadata.namespace, state)) return []
  const wanted = state.list('minions').length
  return wrong(`daemon set ${name(set)}`, {
    desiredNumberScheduled: [set.status?.desiredNumberScheduled, wanted],
    numberReady: [set.status?.numberReady, wanted],
    updatedNumberScheduled: [set.status?.updatedNumberScheduled, wanted],
    numberMisscheduled: [set.status?.numberMisscheduled, 0],
    pods: [state.podsOf(set.metadata.uid).filter(isActive).length, wanted],
  })
}

function jobProblems(job: Job, state: ClusterState): string[] {
  if (job.spec.suspend || atQuota(job.metadata.namespace, state)) return []
  const { status } = job
  const [complete, failed] = ['Complete', 'Failed'].map(
    type => findCondition(status?.conditions, type)?.status === 'True',
  )
  if (!complete && !failed) return [`job ${name(job)} is neither complete nor failed`]
  const tracked = state
    .podsOf(job.metadata.uid)
    .filter(pod => pod.metadata.finalizers?.includes('batch.kubernetes.io/job-tracking'))
  const figures = wrong(`job ${name(job)}`, {
    active: [status?.active, 0],
    'pods still to be counted': [tracked.length, 0],
    ...(complete && job.spec.completions
      ? { 'succeeded, at least': [Math.min(status?.succeeded ?? 0, job.spec.completions), job.spec.completions] }
      : {}),
  })
  return complete && failed ? [...figures, `job ${name(job)} is complete and failed`] : figures
}

/** Of one that starts no more: its jobs have ended. */
function cronJobProblems(cronJob: CronJob, state: ClusterState): string[] {
  const { spec, status, metadata } = cronJob
  if (atQuota(metadata.namespace, state)) return []
  const jobs = state.list<Job>('jobs').filter(each => controllerOf(each) === metadata.uid)
  const kept = (type: string): number =>
    jobs.filter(each => findCondition(each.status?.conditions, type)?.status === 'True').length
  const limits = {
    Complete: spec.successfulJobsHistoryLimit ?? 3,
    Failed: spec.failedJobsHistoryLimit ?? 1,
  }
  return [
    ...wrong(`cron job ${name(cronJob)}`, { active: [status?.active?.length, 0] }),
    ...Object.entries(limits)
      .filter(([type, limit]) => kept(type) > limit)
      .map(([type, limit]) => `cron job ${name(cronJob)} keeps ${kept(type)} jobs that are ${type}, of ${limit}`),
  ]
}

const SCALED: Readonly<Record<string, string>> = { Deployment: 'deployments', StatefulSet: 'statefulsets' }

/** What it scales is within its bounds, or switched off. */
function autoscalerProblems(autoscaler: HorizontalPodAutoscaler, state: ClusterState): string[] {
  const { scaleTargetRef, minReplicas = 1, maxReplicas } = autoscaler.spec
  const { namespace = '' } = autoscaler.metadata
  const scaled = state.get<Deployment | StatefulSet>(SCALED[scaleTargetRef.kind]!, namespace, scaleTargetRef.name)
  const replicas = scaled?.spec.replicas ?? 1
  if (scaled === undefined || replicas === 0 || (replicas >= minReplicas && replicas <= maxReplicas)) return []
  return [`${scaleTargetRef.kind} ${name(scaled)} has ${replicas} replicas, not ${minReplicas} to ${maxReplicas}`]
}

function quotaProblems(quota: ResourceQuota, state: ClusterState): string[] {
  if (quota.spec?.hard?.pods === undefined) return []
  const pods = state.list<Pod>('pods').filter(each => each.metadata.namespace === quota.metadata.namespace)
  return wrong(`quota ${name(quota)}`, {
    'hard.pods': [quota.status?.hard?.pods, quota.spec.hard.pods],
    'used.pods': [Number(quota.status?.used?.pods ?? 0), pods.filter(each => !isEnded(each)).length],
  })
}

function budgetProblems(budget: PodDisruptionBudget, state: ClusterState): string[] {
  const healthy = state
    .list<Pod>('pods')
    .filter(
      each =>
        each.metadata.namespace === budget.metadata.namespace &&
        matches(labelSelector(budget.spec.selector), each.metadata.labels) &&
        isReady(each),
    ).length
  return wrong(`disruption budget ${name(budget)}`, {
    currentHealthy: [budget.status?.currentHealthy, healthy],
    observedGeneration: [budget.status?.observedGeneration, budget.metadata.generation],
    disruptedPods: [Object.keys(budget.status?.disruptedPods ?? {}).length, 0],
  })
}

function serviceProblems(service: Service, state: ClusterState): string[] {
  const selector = service.spec?.selector
  if (selector === undefined || service.metadata.namespace === undefined) return []
  const ready = state
    .list<Pod>('pods')
    .filter(
      each =>
        each.metadata.namespace === service.metadata.namespace &&
        Object.entries(selector).every(([key, value]) => each.metadata.labels?.[key] === value) &&
        isReady(each),
    )
    .map(each => each.status?.podIP ?? '')
  const slices = state.list<EndpointSlice>('endpointslices').filter(each => controllerOf(each) === service.metadata.uid)
  const served = slices.flatMap(each =>
    (each.endpoints ?? []).filter(one => one.conditions?.ready).flatMap(one => one.addresses),
  )
  return wrong(`service ${name(service)}`, {
    'its endpoints': [[...new Set(served)].sort().join(' '), [...new Set(ready)].sort().join(' ')],
  })
}
