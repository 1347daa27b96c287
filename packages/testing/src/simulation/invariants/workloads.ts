/**
 * Never more pods than a workload allows, looked at when a pod is made: then its controller has decided. What it allowed a
 * moment ago still counts, since its controller may not know better yet, and so do pods whose making was not answered.
 */
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '@canopus/api/apps/v1'
import type { Job } from '@canopus/api/batch/v1'
import type { Pod } from '@canopus/api/core/v1'
import type { KubeObject } from '@canopus/apimachinery'
import { type Change, type ClusterState, controllerOf, isActive, type Source } from './cluster-state.ts'
import type { Invariant } from './invariant.ts'

/** Remembers what workloads allow, from what they say. Must come before the others. */
export const allowances: Invariant = {
  name: 'allowances',
  check({ kind, object }, state) {
    if (object === undefined) return undefined
    const { uid } = object.metadata
    const allowed = allowanceOf(kind, object)
    if (allowed !== undefined) state.allow(uid, allowed)
    return undefined
  },
}

function allowanceOf(kind: string, object: KubeObject): number | undefined {
  switch (kind) {
    case 'replicasets':
    case 'controllers':
      return (object as ReplicaSet).spec.replicas ?? 1
    case 'jobs':
      return (object as Job).spec.suspend ? 0 : ((object as Job).spec.parallelism ?? 1)
    case 'statefulsets':
      return (object as StatefulSet).spec.replicas ?? 1
    case 'deployments':
      return deploymentAllowance(object as Deployment)
    default:
      return undefined
  }
}

function deploymentAllowance({ spec }: Deployment): number {
  const replicas = spec.replicas ?? 1
  if (spec.strategy?.type === 'Recreate') return replicas
  const surge = spec.strategy?.rollingUpdate?.maxSurge ?? '25%'
  return replicas + (typeof surge === 'number' ? surge : Math.ceil((replicas * Number.parseInt(surge, 10)) / 100))
}

const isCreation = ({ kind, object, before }: Change): boolean =>
  kind === 'pods' && object !== undefined && before?.metadata.uid !== object.metadata.uid

const watched = (collection: string): Source => ['controller-manager', collection]

/**
 * Stateful sets are not among them: they make a pod that is missing anew before they remove those beyond their number
 * (stateful_set_control.go updateStatefulSet), and which ordinals they may make is a promise of its own.
 */
const COLLECTIONS: Readonly<Record<string, string>> = {
  ReplicaSet: 'replicasets',
  ReplicationController: 'replicationcontrollers',
  Job: 'jobs',
}

/** Pods of this owner of which its controller does not know that they were made. */
const lostPods = (state: ClusterState, owner: string): number =>
  state.lost(watched('pods'), each => each.method === 'POST' && each.owner === owner)

export const podsWithinCount: Invariant = {
  name: 'never more pods than a workload allows',
  check(change, state) {
    const owner = change.object && controllerOf(change.object)
    if (!isCreation(change) || owner === undefined) return undefined
    const reference = change.object!.metadata.ownerReferences!.find(each => each.uid === owner)!
    if (COLLECTIONS[reference.kind] === undefined) return undefined
    const allowed = state.allowed(owner, watched(COLLECTIONS[reference.kind]!))
    if (allowed === undefined) return undefined
    const active = state.podsOf(owner).filter(isActive).length
    if (active <= allowed + lostPods(state, owner)) return undefined
    return `${reference.kind} ${reference.name} allows ${allowed} pods, and ${change.key} is number ${active}`
  },
}

export const onePodPerIndex: Invariant = {
  name: 'one pod per index of a job',
  check(change, state) {
    const index = change.object?.metadata.annotations?.['batch.kubernetes.io/job-completion-index']
    const owner = change.object && controllerOf(change.object)
    if (!isCreation(change) || owner === undefined || index === undefined) return undefined
    const same = state
      .podsOf(owner)
      .filter(pod => isActive(pod) && pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index'] === index)
    if (same.length <= 1 + lostPods(state, owner)) return undefined
    return `${same.length} pods for index ${index}: ${same.map(each => each.metadata.name).join(', ')}`
  },
}

export const onePodPerNode: Invariant = {
  name: 'one pod of a daemon set per node',
  check(change, state) {
    const reference = change.object?.metadata.ownerReferences?.find(each => each.controller)
    if (!isCreation(change) || reference?.kind !== 'DaemonSet') return undefined
    const set = state.list<DaemonSet>('daemonsets').find(each => each.metadata.uid === reference.uid)
    if (set?.spec.updateStrategy?.rollingUpdate?.maxSurge) return undefined
    const target = targetOf(change.object as Pod)
    const same = state.podsOf(reference.uid).filter(pod => isActive(pod) && targetOf(pod) === target)
    if (same.length <= 1 + lostPods(state, reference.uid)) return undefined
    return `${same.length} pods of ${reference.name} for ${target}`
  },
}

function targetOf(pod: Pod): string | undefined {
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  return pod.spec.nodeName ?? terms?.[0]?.matchFields?.[0]?.values?.[0]
}

export const ordinalsInOrder: Invariant = {
  name: 'a stateful set makes its pods in order',
  check(change, state) {
    const reference = change.object?.metadata.ownerReferences?.find(each => each.controller)
    if (!isCreation(change) || reference?.kind !== 'StatefulSet') return undefined
    const set = state.list<StatefulSet>('statefulsets').find(each => each.metadata.uid === reference.uid)
    if (set === undefined) return undefined
    const { name, namespace = '' } = change.object!.metadata
    const ordinal = Number(name.slice(name.lastIndexOf('-') + 1))
    const allowed = state.allowed(reference.uid, watched('statefulsets'))!
    if (ordinal >= allowed) return `${name} is beyond ${allowed} replicas`
    if (set.spec.podManagementPolicy === 'Parallel' || ordinal === 0) return undefined
    const before = state.get<Pod>('pods', namespace, `${set.metadata.name}-${ordinal - 1}`)
    const key = `/registry/pods/${namespace}/${set.metadata.name}-${ordinal - 1}`
    return before === undefined && !state.vanished(key, watched('pods'))
      ? `${name} was made before the one before it`
      : undefined
  },
}

export const replicaSetsWithinSurge: Invariant = {
  name: 'replica sets stay within a deployment and its surge',
  check({ kind, object, before, at }, state) {
    if (kind !== 'replicasets' || object === undefined) return undefined
    const owner = controllerOf(object)
    const now = (object as ReplicaSet).spec.replicas ?? 1
    if (owner === undefined || now <= ((before as ReplicaSet | undefined)?.spec.replicas ?? 0)) return undefined
    const allowed = state.allowed(owner, watched('deployments'))
    const others = state
      .list<ReplicaSet>('replicasets')
      .filter(each => controllerOf(each) === owner && each.metadata.uid !== object.metadata.uid)
    const sum = others.reduce((total, each) => total + state.leastSaid(each.metadata.uid, watched('replicasets')), now)
    if (allowed === undefined || sum <= allowed) return undefined
    return `at ${at}: ${object.metadata.name} grew to ${now}, all together to ${sum} of ${allowed}`
  },
}

export const jobsOnlyProgress: Invariant = {
  name: 'a job never takes back what it has counted',
  check({ kind, object, before }, state) {
    if (kind !== 'jobs' || object === undefined || before?.metadata.uid !== object.metadata.uid) return undefined
    const [old, now] = [(before as Job).status, (object as Job).status]
    if ((now?.succeeded ?? 0) < (old?.succeeded ?? 0)) return `${object.metadata.name} had ${old?.succeeded} successes`
    if ((now?.failed ?? 0) < (old?.failed ?? 0)) return `${object.metadata.name} had ${old?.failed} failures`
    const completions = (object as Job).spec.completions
    if (completions != null && (now?.succeeded ?? 0) > completions + state.unknownPods(object.metadata.uid)) {
      return `${object.metadata.name} counts ${now?.succeeded} successes of ${completions}`
    }
    const ended = (status: Job['status']): string | undefined =>
      status?.conditions?.find(each => ['Complete', 'Failed'].includes(each.type) && each.status === 'True')?.type
    if (ended(old) && ended(old) !== ended(now)) return `${object.metadata.name} was ${ended(old)} and is ${ended(now)}`
    return undefined
  },
}
