/**
 * Keeps a cloud's routes in line with the ranges of pod addresses that nodes have, and says on the nodes whether pods can be reached
 * there (k8s.io/cloud-provider controllers/route).
 */
import { Nodes } from '@canopus/api'
import type { Node, NodeAddress, NodeCondition } from '@canopus/api/core/v1'
import { findCondition, formatTime, maskedBytes, parseCidr, semanticEqual, setCondition } from '@canopus/apimachinery'
import { messageOf, sideBySide } from '@canopus/base'
import { type Controller, type ControllerContext, defineController, on } from '@canopus/operator'
import type { Route, Routes } from './provider.ts'

/** Everything is compared anew this often, in milliseconds (`--route-reconciliation-period`). */
const PERIOD = 10_000
const AT_ONCE = 200

export interface RoutePlan {
  remove: Route[]
  create: { hint: string; route: Omit<Route, 'name'> }[]
}

/** Which routes go and which come. Those outside of the cluster's own ranges are somebody else's. */
export function planRoutes(
  nodes: readonly Node[],
  routes: readonly Route[],
  isOurs: (cidr: string) => boolean,
): RoutePlan {
  const kept = new Set<Route>()
  const create: RoutePlan['create'] = []
  for (const { metadata, spec, status } of nodes) {
    const addresses = status?.addresses ?? []
    for (const destinationCidr of spec?.podCIDRs ?? []) {
      const found = routes.find(each => each.targetNode === metadata.name && each.destinationCidr === destinationCidr)
      if (found && isRight(found, addresses)) kept.add(found)
      else
        create.push({
          hint: metadata.uid,
          route: { targetNode: metadata.name, destinationCidr, targetAddresses: addresses },
        })
    }
  }
  return { remove: routes.filter(each => isOurs(each.destinationCidr) && !kept.has(each)), create }
}

function isRight({ blackhole, targetAddresses }: Route, addresses: readonly NodeAddress[]): boolean {
  if (blackhole) return false
  if (targetAddresses === undefined) return true
  return (
    targetAddresses.length === addresses.length &&
    addresses.every(each => targetAddresses.some(other => semanticEqual(each, other)))
  )
}

/** Whether the first or the last address of a range lies in another. */
export function reachesInto(text: string, into: string): boolean {
  const [range, outer] = [parseCidr(text), parseCidr(into)]
  if (!range || !outer || range.bytes.length !== outer.bytes.length) return false
  const first = maskedBytes(range)
  const last = first.map((byte, at) => byte | (255 >> Math.min(Math.max(range.length - at * 8, 0), 8)))
  const start = maskedBytes(outer).join()
  return [first, last].some(bytes => maskedBytes({ ...outer, bytes }).join() === start)
}

/** What the node says about its network; nothing where it says so already. */
export function networkCondition(node: Node, isReachable: boolean): NodeCondition | undefined {
  const status = isReachable ? 'False' : 'True'
  const reason = isReachable ? 'RouteCreated' : 'NoRouteCreated'
  const now = findCondition(node.status?.conditions, 'NetworkUnavailable')
  if (now?.status === status && now.reason === reason) return undefined
  const message = isReachable ? 'RouteController created a route' : 'RouteController failed to create a route'
  return { type: 'NetworkUnavailable', status, reason, message }
}

export interface NodeRouteOptions {
  /** Ranges of the addresses of all pods. */
  clusterCidrs: readonly string[]
}

export function createNodeRouteController(
  context: ControllerContext,
  routes: Routes,
  { clusterCidrs }: NodeRouteOptions,
): Controller {
  const nodes = context.informers.informer(Nodes)
  const isOurs = (cidr: string): boolean => clusterCidrs.some(range => reachesInto(cidr, range))
  const logger = context.logger.child({ controller: 'node-route-controller' })

  async function apply(plan: RoutePlan): Promise<Set<string>> {
    await sideBySide(plan.remove, AT_ONCE, async route => {
      await routes.delete(route).catch(error => logger.warn('could not delete a route', { name: route.name, error }))
    })
    const unreachable = new Set<string>()
    await sideBySide(plan.create, AT_ONCE, async ({ hint, route }) => {
      const { targetNode, destinationCidr } = route
      try {
        await routes.create(hint, route)
      } catch (error) {
        unreachable.add(targetNode)
        const node = nodes.lister.get(targetNode)
        const why = messageOf(error)
        const text = `Could not create route ${hint} ${destinationCidr} for node ${targetNode}: ${why}`
        if (node) context.events.event(node, 'Warning', 'FailedToCreateRoute', text)
      }
    })
    return unreachable
  }

  async function tell(node: Node, isReachable: boolean): Promise<void> {
    const condition = networkCondition(node, isReachable)
    if (condition === undefined) return
    const conditions = setCondition(node.status?.conditions, condition, formatTime(context.clock.now()))
    const own = conditions.filter(each => each.type === condition.type)
    const patch = { status: { conditions: own } }
    await context.client.resource(Nodes).patch(node.metadata.name, 'strategic', patch, { subresource: 'status' })
  }

  return defineController(context, {
    name: 'node-route-controller',
    workers: 1,
    triggers: [
      on(Nodes, ({ object, old, deleted }, enqueue) => {
        const facts = ({ spec, status }: Node): unknown => [spec?.podCIDRs, status?.addresses]
        if (old === undefined || deleted || !semanticEqual(facts(old), facts(object))) enqueue(ALL)
      }),
    ],
    async reconcile() {
      const all = nodes.lister.list()
      const before = await routes.list()
      const unreachable = await apply(planRoutes(all, before, isOurs))
      for (const node of all) {
        const { name } = node.metadata
        const hasRange = (node.spec?.podCIDRs ?? []).length > 0
        if (hasRange || before.some(route => route.targetNode === name)) {
          await tell(node, hasRange && !unreachable.has(name))
        }
      }
      return { requeueAfter: PERIOD }
    },
  })
}

const ALL = 'routes'
