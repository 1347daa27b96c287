/**
 * Keeps a cloud's load balancers in line with Services of type LoadBalancer. Behaviour: k8s.io/cloud-provider
 * controllers/service/controller.go. Services with a class of their own are somebody else's (KEP-1959).
 */
import { Nodes, Services } from '@canopus/api'
import type { LoadBalancerStatus, Node, Service } from '@canopus/api/core/v1'
import { hasFinalizer, hasReason, semanticEqual } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { type Informer, keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, on } from '@canopus/operator'
import type { LoadBalancers } from './provider.ts'

export const BALANCER_FINALIZER = 'service.kubernetes.io/load-balancer-cleanup'
const EXCLUDED = 'node.kubernetes.io/exclude-from-external-load-balancers'
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler'

/** Failures come back after these many milliseconds, doubled each time, as upstream. */
const RETRY_FIRST = 5_000
const RETRY_LONGEST = 300_000

export const wantsBalancer = ({ spec }: Service): boolean =>
  spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined

/** Whether a balancer has to go that was once made. */
export const needsCleanup = (service: Service): boolean =>
  hasFinalizer(service, BALANCER_FINALIZER) &&
  (service.metadata.deletionTimestamp !== undefined || !wantsBalancer(service))

/** The nodes that may stand behind balancers, by name. */
export function nodesForBalancers(nodes: readonly Node[]): Node[] {
  return nodes
    .filter(node => node.metadata.deletionTimestamp === undefined)
    .filter(node => node.metadata.labels?.[EXCLUDED] === undefined)
    .filter(node => !node.spec?.taints?.some(taint => taint.key === TO_BE_DELETED))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
}

/** What a change of a service means for its balancer: events as `[reason, message]`, where the change matters at all. */
export function changesOf(old: Service, service: Service): [string, string][] {
  const events: [string, string][] = []
  const { spec: before } = old
  const { spec: after } = service
  if (wantsBalancer(old) !== wantsBalancer(service)) events.push(['Type', `${before.type} -> ${after.type}`])
  const ranges = (list: readonly string[] | undefined): string => `[${(list ?? []).join(' ')}]`
  if (!semanticEqual(before.loadBalancerSourceRanges, after.loadBalancerSourceRanges)) {
    const message = `${ranges(before.loadBalancerSourceRanges)} -> ${ranges(after.loadBalancerSourceRanges)}`
    events.push(['LoadBalancerSourceRanges', message])
  }
  if ((before.loadBalancerIP ?? '') !== (after.loadBalancerIP ?? '')) {
    events.push(['LoadbalancerIP', `${before.loadBalancerIP ?? ''} -> ${after.loadBalancerIP ?? ''}`])
  }
  if ((before.externalTrafficPolicy ?? '') !== (after.externalTrafficPolicy ?? '')) {
    const message = `${before.externalTrafficPolicy ?? ''} -> ${after.externalTrafficPolicy ?? ''}`
    events.push(['ExternalTrafficPolicy', message])
  }
  if ((before.healthCheckNodePort ?? 0) !== (after.healthCheckNodePort ?? 0)) {
    events.push(['HealthCheckNodePort', `${before.healthCheckNodePort ?? 0} -> ${after.healthCheckNodePort ?? 0}`])
  }
  return events
}

/** All of a service that a balancer depends on. */
function wishesOf({ metadata, spec }: Service): string {
  const { ports, sessionAffinity, sessionAffinityConfig, loadBalancerIP, externalIPs, loadBalancerSourceRanges } = spec
  const { externalTrafficPolicy, healthCheckNodePort, ipFamilies } = spec
  const { uid, annotations = {} } = metadata
  const sorted = Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1))
  const addresses = [ports, sessionAffinity, sessionAffinityConfig, loadBalancerIP, externalIPs, ipFamilies]
  return JSON.stringify([uid, sorted, addresses, loadBalancerSourceRanges, externalTrafficPolicy, healthCheckNodePort])
}

export function createServiceBalancerController(context: ControllerContext, balancers: LoadBalancers): Controller {
  const services = context.informers.informer(Services)
  const syncing = new BalancerSync(context, balancers)
  return defineController(context, {
    name: 'service-lb-controller',
    triggers: [
      on(Services, ({ object, old }, enqueue) => {
        if (!wantsBalancer(object) && !needsCleanup(object)) return
        if (old) {
          for (const [reason, message] of changesOf(old, object))
            context.events.event(object, 'Normal', reason, message)
        }
        enqueue(keyOf(object))
      }),
      on(Nodes, ({ object, old, deleted }, enqueue) => {
        if (old && !deleted && !concernsBalancers(old, object)) return
        for (const service of services.lister.list()) if (wantsBalancer(service)) enqueue(keyOf(service))
      }),
      ...(balancers.triggers ?? []),
    ],
    reconcile: async key => {
      const { name, namespace } = splitKey(key)
      return syncing.reconcile(key, services.lister.get(name, namespace))
    },
  })
}

/** Heartbeats are no news. */
function concernsBalancers(old: Node, node: Node): boolean {
  const facts = ({ metadata, spec, status }: Node): unknown => [
    metadata.labels?.[EXCLUDED],
    metadata.deletionTimestamp,
    spec?.taints?.some(taint => taint.key === TO_BE_DELETED),
    spec?.providerID,
    status?.addresses,
    status?.conditions?.find(each => each.type === 'Ready')?.status,
  ]
  return !semanticEqual(facts(old), facts(node))
}

interface Applied {
  wishes: string
  nodes: string
}

class BalancerSync {
  readonly #context: ControllerContext
  readonly #balancers: LoadBalancers
  readonly #nodes: Informer<Node>
  readonly #applied = new Map<string, Applied>()
  readonly #failures = new Map<string, number>()

  constructor(context: ControllerContext, balancers: LoadBalancers) {
    this.#context = context
    this.#balancers = balancers
    this.#nodes = context.informers.informer(Nodes)
  }

  async reconcile(key: string, service: Service | undefined): Promise<{ requeueAfter: number } | undefined> {
    if (service === undefined) {
      this.#applied.delete(key)
      this.#failures.delete(key)
      return undefined
    }
    try {
      if (needsCleanup(service)) await this.#remove(key, service)
      else if (wantsBalancer(service) && service.metadata.deletionTimestamp === undefined)
        await this.#keep(key, service)
      this.#failures.delete(key)
      return undefined
    } catch (error) {
      // The next look sees what was written meanwhile.
      if (hasReason(error, 'Conflict') || hasReason(error, 'NotFound')) throw error
      const failures = this.#failures.get(key) ?? 0
      this.#failures.set(key, failures + 1)
      const text = `Error syncing load balancer: ${messageOf(error)}`
      this.#context.events.event(service, 'Warning', 'SyncLoadBalancerFailed', text)
      return { requeueAfter: Math.min(RETRY_FIRST * 2 ** failures, RETRY_LONGEST) }
    }
  }

  async #remove(key: string, service: Service): Promise<void> {
    const { events } = this.#context
    if (await this.#balancers.exists(service)) {
      events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
      await explained('failed to delete load balancer', () => this.#balancers.delete(service))
    }
    this.#applied.delete(key)
    const finalizers = (service.metadata.finalizers ?? []).filter(each => each !== BALANCER_FINALIZER)
    await this.#write(service, { finalizers, status: {} })
    events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
  }

  async #keep(key: string, service: Service): Promise<void> {
    const nodes = nodesForBalancers(this.#nodes.lister.list())
    const now: Applied = { wishes: wishesOf(service), nodes: nodes.map(node => node.metadata.name).join() }
    const before = this.#applied.get(key)
    const known = hasFinalizer(service, BALANCER_FINALIZER) && before?.wishes === now.wishes
    if (known) await this.#update(service, nodes, before.nodes !== now.nodes)
    else await this.#ensure(service, nodes)
    this.#applied.set(key, now)
  }

  async #ensure(service: Service, nodes: readonly Node[]): Promise<void> {
    const { events } = this.#context
    events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer')
    let current = service
    if (!hasFinalizer(service, BALANCER_FINALIZER)) {
      const finalizers = [...(service.metadata.finalizers ?? []), BALANCER_FINALIZER]
      current = await this.#write(service, { finalizers })
    }
    if (nodes.length === 0) this.#tellUnavailable(service)
    const status = await explained('failed to ensure load balancer', () => this.#balancers.ensure(service, nodes))
    await this.#write(current, { status })
    events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer')
  }

  async #update(service: Service, nodes: readonly Node[], moved: boolean): Promise<void> {
    const { events } = this.#context
    const status = await this.#balancers.update(service, nodes)
    if (status !== undefined) await this.#write(service, { status })
    if (!moved) return
    if (nodes.length === 0) this.#tellUnavailable(service)
    else events.event(service, 'Normal', 'UpdatedLoadBalancer', 'Updated load balancer with new hosts')
  }

  #tellUnavailable(service: Service): void {
    const text = 'There are no available nodes for LoadBalancer'
    this.#context.events.event(service, 'Warning', 'UnAvailableLoadBalancer', text)
  }

  /** Finalizers too are written with the status: that is what the controller's role allows. */
  async #write(service: Service, next: { finalizers?: string[]; status?: LoadBalancerStatus }): Promise<Service> {
    const { finalizers, status } = next
    const { name, namespace = '', uid, resourceVersion } = service.metadata
    const same =
      (finalizers === undefined || semanticEqual(finalizers, service.metadata.finalizers)) &&
      (status === undefined || semanticEqual(status, service.status?.loadBalancer ?? {}))
    if (same) return service
    const patch = {
      metadata: { uid, resourceVersion, ...(finalizers === undefined ? {} : { finalizers }) },
      ...(status === undefined ? {} : { status: { loadBalancer: { ingress: status.ingress ?? null } } }),
    }
    return this.#context.client.resource(Services).patch(name, 'merge', patch, { namespace, subresource: 'status' })
  }
}

async function explained<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`)
  }
}
