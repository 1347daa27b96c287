/**
 * Removes pods from devices whose NoExecute taints their claims do not tolerate, at once or when the claims' patience ends.
 * Behaviour: kubernetes pkg/controller/devicetainteviction (KEP-5055).
 */
import { Pods, ResourceClaims, ResourceSlices, tolerates } from '@canopus/api'
import type { Pod, PodCondition } from '@canopus/api/core/v1'
import type { DeviceRequestAllocationResult, DeviceTaint, ResourceClaim, ResourceSlice } from '@canopus/api/resource/v1'
import { formatTime, hasReason, parseTime, setCondition } from '@canopus/apimachinery'
import { type Informer, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, mapped, on, primary } from '@canopus/operator'
import { deviceTaintMetrics } from '../common/eviction-metrics.ts'
import { isFinished } from '../common/pods.ts'

/** When a pod that uses the device must go, in milliseconds; nothing where it may stay. Patience begins with the taint. */
export function deviceEvictionTime(
  { tolerations = [] }: Pick<DeviceRequestAllocationResult, 'tolerations'>,
  taints: readonly DeviceTaint[],
  now: number,
): number | undefined {
  let soonest: number | undefined
  for (const taint of taints.filter(each => each.effect === 'NoExecute')) {
    const fitting = tolerations.filter(toleration => tolerates(toleration, taint))
    const patience = Math.min(...fitting.map(each => each.tolerationSeconds ?? Number.POSITIVE_INFINITY))
    if (fitting.length > 0 && patience === Number.POSITIVE_INFINITY) continue
    const since = parseTime(taint.timeAdded ?? '') ?? now
    const at = fitting.length === 0 ? now : since + Math.max(0, patience) * 1000
    soonest = Math.min(soonest ?? at, at)
  }
  return soonest
}

const poolOf = (driver: string, pool: string): string => `${driver}/${pool}`
const BY_POOL = 'pool'
const BY_POD = 'users'

/** The taints of a device, as the newest generation of its pool has them. */
function taintsOf(
  slices: Informer<ResourceSlice>,
  { driver, pool, device }: DeviceRequestAllocationResult,
): readonly DeviceTaint[] {
  const all = slices.lister.byIndex(BY_POOL, poolOf(driver, pool))
  const newest = Math.max(...all.map(each => each.spec.pool.generation))
  const current = all.filter(each => each.spec.pool.generation === newest)
  return current.flatMap(({ spec }) => spec.devices ?? []).find(each => each.name === device)?.taints ?? []
}

const usersOf = ({ metadata, status }: ResourceClaim): string[] =>
  (status?.reservedFor ?? [])
    .filter(each => each.resource === 'pods' && (each.apiGroup ?? '') === '')
    .map(each => `${metadata.namespace}/${each.name}`)

const poolOfSlice = ({ spec }: ResourceSlice): string[] => [poolOf(spec.driver, spec.pool.name)]

const poolsOf = ({ status }: ResourceClaim): string[] =>
  (status?.allocation?.devices?.results ?? []).map(each => poolOf(each.driver, each.pool))

export function createDeviceTaintEvictionController(context: ControllerContext): Controller {
  const pods = context.informers.informer(Pods)
  const claims = context.informers.informer(ResourceClaims)
  const slices = context.informers.informer(ResourceSlices)
  slices.addIndex(BY_POOL, poolOfSlice)
  claims.addIndex(BY_POD, usersOf)
  claims.addIndex(BY_POOL, poolsOf)
  /** Pods whose removal is set, by uid. */
  const scheduled = new Set<string>()
  /** Pods that were told to go, which the cache may not show yet. */
  const leaving = new Set<string>()
  const soonestFor = (key: string, uid: string, now: number): number | undefined => {
    const times = claims.lister
      .byIndex(BY_POD, key)
      .filter(claim => claim.status?.reservedFor?.some(each => each.uid === uid))
      .flatMap(claim => claim.status?.allocation?.devices?.results ?? [])
      .map(result => deviceEvictionTime(result, taintsOf(slices, result), now))
      .filter(time => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }
  const metrics = context.metrics && deviceTaintMetrics(context.metrics)
  return defineController(context, {
    name: 'device-taint-eviction-controller',
    triggers: [
      primary(Pods, ({ object, deleted }) => {
        if (deleted) {
          scheduled.delete(object.metadata.uid)
          leaving.delete(object.metadata.uid)
        }
        return !deleted && Boolean(object.spec?.nodeName) && (object.spec?.resourceClaims ?? []).length > 0
      }),
      mapped(ResourceClaims, usersOf),
      on(ResourceSlices, ({ object: { spec } }, enqueue) => {
        for (const claim of claims.lister.byIndex(BY_POOL, poolOf(spec.driver, spec.pool.name))) {
          for (const key of usersOf(claim)) enqueue(key)
        }
      }),
    ],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const pod = pods.lister.get(name, namespace)
      if (!pod?.spec?.nodeName || pod.metadata.deletionTimestamp || isFinished(pod)) return undefined
      const { uid } = pod.metadata
      if (leaving.has(uid)) return undefined
      const now = context.clock.now()
      const at = soonestFor(key, uid, now)
      if (at === undefined) {
        if (scheduled.delete(uid)) {
          context.events.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Cancelling deletion')
        }
        return undefined
      }
      if (at > now) {
        scheduled.add(uid)
        return { requeueAfter: at - now }
      }
      scheduled.delete(uid)
      await evict(context, pod)
      metrics?.evicted(now - at)
      leaving.add(uid)
      return undefined
    },
  })
}

async function evict({ client, clock, events }: ControllerContext, pod: Pod): Promise<void> {
  const { name, namespace = '', uid } = pod.metadata
  const resource = client.resource(Pods)
  events.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Marking for deletion')
  const condition: PodCondition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByDeviceTaintManager',
    message: 'Device Taint manager: deleting due to NoExecute taint',
  }
  const conditions = setCondition(pod.status?.conditions, condition, formatTime(clock.now()))
  try {
    const patch = { metadata: { uid }, status: { conditions } }
    await resource.patch(name, 'merge', patch, { namespace, subresource: 'status' })
    await resource.delete(name, { namespace, body: { preconditions: { uid } } })
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}
