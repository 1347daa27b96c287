/**
 * Watches over nodes: whoever sends no heartbeat becomes NotReady (Unknown), conditions become taints, and pods that do not
 * tolerate a NoExecute taint are evicted.
 * Behaviour: kubernetes pkg/controller/nodelifecycle and pkg/controller/tainteviction.
 */
import { Leases, Nodes, Pods } from '@canopus/api'
import type { Lease } from '@canopus/api/coordination/v1'
import type { Node, NodeCondition, Pod, Taint, Toleration } from '@canopus/api/core/v1'
import { formatTime, hasReason, parseTime, setCondition } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, mapped, on, primary } from '@canopus/operator'

export interface NodeLifecycleOptions {
  /** Milliseconds without a heartbeat after which a node counts as lost. Default 50 s. */
  monitorGracePeriod?: number
}

const LEASE_NAMESPACE = 'kube-node-lease'
const GRACE = 50_000
const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'

/** Condition, the status that is bad, and the NoSchedule taint that stands for it. */
const CONDITION_TAINTS: readonly [type: string, status: string, key: string][] = [
  ['Ready', 'False', NOT_READY],
  ['Ready', 'Unknown', UNREACHABLE],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
]
const MANAGED = new Set([...CONDITION_TAINTS.map(([, , key]) => key), 'node.kubernetes.io/unschedulable'])

/** The taints a node should have by its conditions, keeping those of others and the times of those that stay. */
export function desiredTaints(node: Node, now: string): Taint[] {
  const current = node.spec.taints ?? []
  const wanted: Taint[] = []
  for (const [type, status, key] of CONDITION_TAINTS) {
    if (node.status?.conditions?.some(condition => condition.type === type && condition.status === status) !== true)
      continue
    wanted.push({ key, effect: 'NoSchedule' })
    if (type === 'Ready') wanted.push({ key, effect: 'NoExecute', timeAdded: now })
  }
  if (node.spec.unschedulable) wanted.push({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' })
  const same = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect
  const kept = current.filter(taint => !MANAGED.has(taint.key) || wanted.some(each => same(each, taint)))
  return [...kept, ...wanted.filter(taint => !current.some(each => same(each, taint)))]
}

/** The condition texts of a node that has stopped sending heartbeats. */
function unknownConditions(node: Node, now: string): readonly NodeCondition[] {
  const types = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']
  return types.reduce<readonly NodeCondition[]>((conditions, type) => {
    const old = conditions.find(condition => condition.type === type)
    if (old?.status === 'Unknown') return conditions
    const [reason, message] = old
      ? ['NodeStatusUnknown', 'Kubelet stopped posting node status.']
      : ['NodeStatusNeverUpdated', 'Kubelet never posted node status.']
    const unknown = { type, status: 'Unknown', reason, message, lastTransitionTime: now }
    return setCondition(
      conditions,
      old?.lastHeartbeatTime === undefined ? unknown : { ...unknown, lastHeartbeatTime: old.lastHeartbeatTime },
      now,
    )
  }, node.status?.conditions ?? [])
}

/** Milliseconds since the node was last heard of: its lease, its status, or its birth. */
function lastHeard(node: Node, lease: Lease | undefined): number {
  const ready = node.status?.conditions?.find(condition => condition.type === 'Ready')
  const heartbeat = ready && ready.status !== 'Unknown' ? ready.lastHeartbeatTime : undefined
  return Math.max(
    ...[lease?.spec?.renewTime, heartbeat, node.metadata.creationTimestamp].map(time =>
      time === undefined ? 0 : (parseTime(time) ?? 0),
    ),
  )
}

/** Keeps conditions and taints of nodes. */
export function createNodeLifecycleController(
  context: ControllerContext,
  options: NodeLifecycleOptions = {},
): Controller {
  const nodes = context.informers.informer(Nodes)
  const leases = context.informers.informer(Leases)
  const grace = options.monitorGracePeriod ?? GRACE
  return defineController(context, {
    name: 'node-lifecycle-controller',
    workers: 4,
    triggers: [
      primary(Nodes),
      on(Leases, ({ object, old }, enqueue) => {
        // A heartbeat matters at once only for a node that was lost; all others are looked at when their grace ends.
        if (object.metadata.namespace !== LEASE_NAMESPACE) return
        const ready = nodes.lister.get(object.metadata.name)?.status?.conditions?.find(each => each.type === 'Ready')
        if (!old || ready?.status === 'Unknown') enqueue(object.metadata.name)
      }),
    ],
    async reconcile(name) {
      const node = nodes.lister.get(name)
      if (!node) return undefined
      const now = context.clock.now()
      const left = lastHeard(node, leases.lister.get(name, LEASE_NAMESPACE)) + grace - now
      const current = left > 0 ? node : await markUnknown(context, node, formatTime(now))
      await taint(context, current, formatTime(now))
      return { requeueAfter: left > 0 ? left : grace }
    },
  })
}

async function markUnknown(context: ControllerContext, node: Node, now: string): Promise<Node> {
  const conditions = unknownConditions(node, now)
  if (JSON.stringify(conditions) === JSON.stringify(node.status?.conditions ?? [])) return node
  context.events.event(
    { apiVersion: 'v1', kind: 'Node', ...node },
    'Normal',
    'NodeNotReady',
    `Node ${node.metadata.name} status is now: NodeNotReady`,
  )
  const updated = await context.client
    .resource(Nodes)
    .updateStatus({ ...node, status: { ...node.status, conditions: [...conditions] } })
  await markPodsNotReady(context, node.metadata.name, now)
  return updated
}

/** Services must not lead to pods on a lost node, although nobody there can say so. */
async function markPodsNotReady(context: ControllerContext, node: string, now: string): Promise<void> {
  const pods = context.client.resource(Pods)
  const { items } = await pods.list({ fieldSelector: `spec.nodeName=${node}` })
  for (const pod of items) {
    const ready = pod.status?.conditions?.find(condition => condition.type === 'Ready')
    if (ready?.status !== 'True') continue
    const condition = {
      type: 'Ready',
      status: 'False',
      reason: 'NodeNotReady',
      message: 'Node is not ready',
      lastTransitionTime: now,
    }
    await pods
      .patch(
        pod.metadata.name,
        'strategic',
        { status: { conditions: [condition] } },
        { namespace: pod.metadata.namespace!, subresource: 'status' },
      )
      .catch(ignoreGone)
  }
}

async function taint(context: ControllerContext, node: Node, now: string): Promise<void> {
  const taints = desiredTaints(node, now)
  if (JSON.stringify(taints) === JSON.stringify(node.spec.taints ?? [])) return
  const { name, resourceVersion } = node.metadata
  await context.client
    .resource(Nodes)
    .patch(name, 'merge', { metadata: { resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } })
}

/** How long a pod may stay on a node with these NoExecute taints: milliseconds, `forever`, or 0 where it tolerates one of them not at all. */
export function tolerationTime(pod: Pod, taints: readonly Taint[]): number | 'forever' {
  let shortest: number | 'forever' = 'forever'
  for (const each of taints) {
    const tolerating = (pod.spec.tolerations ?? []).filter(toleration => tolerates(toleration, each))
    if (tolerating.length === 0) return 0
    for (const { tolerationSeconds } of tolerating) {
      if (tolerationSeconds === undefined) continue
      const time = Math.max(0, tolerationSeconds) * 1000
      if (shortest === 'forever' || time < shortest) shortest = time
    }
  }
  return shortest
}

function tolerates(toleration: Toleration, each: Taint): boolean {
  if (toleration.effect && toleration.effect !== each.effect) return false
  if (toleration.key && toleration.key !== each.key) return false
  return (
    toleration.operator === 'Exists' ||
    (toleration.operator !== 'Exists' && !!toleration.key && (toleration.value ?? '') === (each.value ?? ''))
  )
}

/** Deletes pods whose time on a tainted node is over. */
export function createTaintEvictionController(context: ControllerContext): Controller {
  const nodes = context.informers.informer(Nodes)
  const pods = context.informers.informer(Pods)
  pods.addIndex('taint-eviction-node', pod => (pod.spec.nodeName ? [pod.spec.nodeName] : []))
  return defineController(context, {
    name: 'taint-eviction-controller',
    workers: 8,
    triggers: [
      primary(
        Pods,
        ({ object, old }) =>
          old?.spec.nodeName !== object.spec.nodeName || old?.spec.tolerations !== object.spec.tolerations,
      ),
      mapped(Nodes, node =>
        noExecute(node).length > 0
          ? pods.lister
              .byIndex('taint-eviction-node', node.metadata.name)
              .map(pod => `${pod.metadata.namespace}/${pod.metadata.name}`)
          : [],
      ),
    ],
    async reconcile(key) {
      const slash = key.indexOf('/')
      const pod = pods.lister.get(key.slice(slash + 1), key.slice(0, slash))
      const node = pod?.spec.nodeName === undefined ? undefined : nodes.lister.get(pod.spec.nodeName)
      if (!pod || !node || pod.metadata.deletionTimestamp !== undefined) return undefined
      const taints = noExecute(node)
      if (taints.length === 0) return undefined
      const time = tolerationTime(pod, taints)
      if (time === 'forever') return undefined
      const since = Math.min(
        ...taints
          .map(each => (each.timeAdded === undefined ? 0 : (parseTime(each.timeAdded) ?? 0)))
          .map(at => (at === 0 ? context.clock.now() : at)),
      )
      const left = since + time - context.clock.now()
      if (left > 0) return { requeueAfter: left }
      await evict(context, pod)
      return undefined
    },
  })
}

const noExecute = (node: Node): Taint[] => (node.spec.taints ?? []).filter(each => each.effect === 'NoExecute')

async function evict(context: ControllerContext, pod: Pod): Promise<void> {
  const { name, namespace = '', uid } = pod.metadata
  const pods = context.client.resource(Pods)
  context.events.event(
    { apiVersion: 'v1', kind: 'Pod', ...pod },
    'Normal',
    'TaintManagerEviction',
    `Marking for deletion Pod ${namespace}/${name}`,
  )
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
    lastTransitionTime: formatTime(context.clock.now()),
  }
  try {
    await pods.patch(
      name,
      'strategic',
      { metadata: { uid }, status: { conditions: [condition] } },
      { namespace, subresource: 'status' },
    )
    await pods.delete(name, { namespace, body: { preconditions: { uid } } })
  } catch (error) {
    ignoreGone(error)
  }
}

function ignoreGone(error: unknown): undefined {
  if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
}
