/**
 * Counts what quotas limit (kubernetes pkg/controller/resourcequota). Admission raises the count when something is made; this
 * controller brings it down when something goes, and sets it right from time to time.
 */

import { builtInKinds, countName, quotaEvaluator, quotaMatches, ResourceQuotas } from '@canopus/api'
import type { ResourceQuota } from '@canopus/api/core/v1'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  groupResourceOf,
  type KubeObject,
  type Quantity,
  quantityOf,
  type ResourceType,
  semanticEqual,
} from '@canopus/apimachinery'
import {
  createDiscovery,
  createInformerFactory,
  type Discovered,
  type Informer,
  listAll,
  withoutManagedFields,
} from '@canopus/client'
import {
  type Controller,
  type ControllerContext,
  defineController,
  type Enqueue,
  type Trigger,
} from '@canopus/operator'

/** Everything is counted anew this often, in milliseconds. */
const RECOUNT = 5 * 60_000
/** Things often go in numbers: they are counted once, a moment later. */
const PAUSE = 100
/** What is served is asked anew after so many milliseconds. */
const DISCOVERED_FOR = 30_000

const builtInTypes = builtInKinds.map(({ type }) => type).filter(type => type.namespaced)

export interface ResourceQuotaOptions {
  /** Milliseconds after which everything is counted anew, whatever has been heard. Default five minutes. */
  syncPeriod?: number
}

export function createResourceQuotaController(
  context: ControllerContext,
  { syncPeriod = RECOUNT }: ResourceQuotaOptions = {},
): Controller {
  const quotas = context.informers.informer(ResourceQuotas)
  const watched = new Map<ResourceType, Informer<KubeObject>>()
  const custom = new CustomKinds(context, type => watched.delete(type))
  let wake: Enqueue = () => {}

  /** The objects of a kind are watched from the moment that a quota first speaks of it. */
  async function informerOf(type: ResourceType, signal: AbortSignal): Promise<Informer<KubeObject>> {
    let informer = watched.get(type)
    if (informer === undefined) {
      informer = builtInTypes.includes(type) ? context.informers.informer(type) : custom.informer(type, signal)
      watched.set(type, informer)
      const recount = (object: KubeObject, old?: KubeObject): void => {
        const { namespace = '' } = object.metadata
        for (const quota of quotas.lister.list(namespace)) {
          if (!speaksOf(quota, type)) continue
          if (old === undefined || !countsAlike(quota, type, old, object, context.clock.now()))
            wake(`${namespace}/${quota.metadata.name}`, PAUSE)
        }
      }
      informer.addHandler({ updated: (old, object) => recount(object, old), deleted: object => recount(object) })
    }
    await informer.waitForSync(signal)
    return informer
  }

  return defineController(context, {
    name: 'resourcequota-controller',
    workers: 2,
    triggers: [
      changedQuotas(enqueue => {
        wake = enqueue
      }),
    ],
    async reconcile(key, signal) {
      const [namespace = '', name = ''] = key.split('/')
      const quota = quotas.lister.get(name, namespace)
      if (quota === undefined) return undefined
      const hard = quota.spec?.hard ?? {}
      const used: Record<string, Quantity> = {}
      for (const type of [...builtInTypes, ...(await custom.typesFor(Object.keys(hard), signal))]) {
        if (!speaksOf(quota, type)) continue
        const informer = await informerOf(type, signal)
        const now = context.clock.now()
        const counted = count(quota, type, informer.lister.list(namespace), now)
        // What admission charged to this version of the quota may not be here yet, and must not be given away once more.
        const isTrusted = !isLess(counted, quota) || isAsNew(informer, quota)
        const objects = isTrusted ? undefined : await listAll(context.client.resource(type), { namespace, signal })
        add(used, objects ? count(quota, type, objects.items, now) : counted)
      }
      const status = {
        hard,
        used: Object.fromEntries(Object.entries(used).map(([resource, amount]) => [resource, formatQuantity(amount)])),
      }
      if (!semanticEqual(status, { hard: quota.status?.hard, used: quota.status?.used })) {
        await context.client.resource(ResourceQuotas).updateStatus({ ...quota, status })
      }
      // A kind that nobody serves yet may come.
      return { requeueAfter: Object.keys(hard).every(name => name in used) ? syncPeriod : DISCOVERED_FOR }
    },
  })
}

/** Kinds of custom resources that quotas count, as `count/widgets.example.com`. */
class CustomKinds {
  readonly #context: ControllerContext
  readonly #gone: (type: ResourceType) => void
  readonly #discover: (signal: AbortSignal) => Promise<Discovered>
  readonly #stops = new Map<ResourceType, AbortController>()
  /** The same object for a kind as long as it is served. */
  #served: readonly ResourceType[] = []
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(context: ControllerContext, gone: (type: ResourceType) => void) {
    this.#context = context
    this.#gone = gone
    this.#discover = createDiscovery(context.client.transport)
  }

  /** Those of the kinds that are served now. */
  async typesFor(names: readonly string[], signal: AbortSignal): Promise<ResourceType[]> {
    const wanted = names.filter(
      name => name.startsWith('count/') && !builtInTypes.some(type => quotaEvaluator(type)?.tracks(name)),
    )
    if (wanted.length === 0) return []
    const isKnown = wanted.every(name => this.#served.some(type => countName(type) === name))
    if (!isKnown || this.#context.clock.monotonic() - this.#askedAt > DISCOVERED_FOR) await this.#ask(signal)
    return this.#served.filter(type => wanted.includes(countName(type)))
  }

  /** These kinds come and go: theirs are informers of their own, which end with them. */
  informer(type: ResourceType, signal: AbortSignal): Informer<KubeObject> {
    const informers = createInformerFactory({ ...this.#context, transform: withoutManagedFields })
    const informer = informers.informer(type)
    const stop = new AbortController()
    this.#stops.set(type, stop)
    informers.start(AbortSignal.any([signal, stop.signal]))
    return informer
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { types, stale } = await this.#discover(signal)
    this.#askedAt = this.#context.clock.monotonic()
    const idOf = (type: ResourceType): string => `${groupResourceOf(type)}/${type.version}`
    const known = new Map(this.#served.map(type => [idOf(type), type]))
    const served = types.filter(type => type.namespaced && type.verbs.includes('watch'))
    // A group whose server is down for a moment has not gone away.
    const kept = this.#served.filter(type => stale.includes(`${type.group}/${type.version}`))
    const next = new Map([...kept, ...served].map(type => [idOf(type), known.get(idOf(type)) ?? type]))
    this.#served = [...next.values()]
    for (const [type, stop] of this.#stops) {
      if (this.#served.includes(type)) continue
      stop.abort()
      this.#stops.delete(type)
      this.#gone(type)
    }
  }
}

/** Quotas that are new or whose wish has changed; admission's own writes are no reason to count. */
function changedQuotas(started: (enqueue: Enqueue) => void): Trigger {
  return {
    prepare: informers => informers.informer(ResourceQuotas) as unknown as Informer<KubeObject>,
    connect(informers, enqueue) {
      started(enqueue)
      const wakeFor = ({ metadata }: ResourceQuota): void => enqueue(`${metadata.namespace}/${metadata.name}`)
      return informers.informer(ResourceQuotas).addHandler({
        added: wakeFor,
        updated: (old, quota) => {
          if (!semanticEqual(old.spec, quota.spec) || !semanticEqual(quota.spec?.hard, quota.status?.hard))
            wakeFor(quota)
        },
      })
    },
  }
}

function speaksOf({ spec }: ResourceQuota, type: ResourceType): boolean {
  const evaluator = quotaEvaluator(type)
  return evaluator !== undefined && Object.keys(spec?.hard ?? {}).some(name => evaluator.tracks(name))
}

function add(sums: Record<string, Quantity>, amounts: Readonly<Record<string, Quantity>>): void {
  for (const [name, amount] of Object.entries(amounts)) {
    sums[name] = sums[name] === undefined ? amount : addQuantities(sums[name], amount)
  }
}

/**
 * Whether a quota is used alike by an object before and after a change. Counting without need is not harmless: admission
 * charges a quota before what it lets in is stored, and a count between the two gives that away once more.
 */
function countsAlike(quota: ResourceQuota, type: ResourceType, old: KubeObject, object: KubeObject, now: number) {
  return semanticEqual(count(quota, type, [old], now), count(quota, type, [object], now))
}

/** Whether the quota shows more of something than was counted, or has not been counted at all. */
const isLess = (counted: Readonly<Record<string, Quantity>>, { status }: ResourceQuota): boolean =>
  Object.entries(counted).some(([name, amount]) => {
    const known = status?.used?.[name]
    return known === undefined || compareQuantities(amount, known) < 0
  })

/** Whether the informer shows all that was there when the quota was last written. */
const isAsNew = ({ resourceVersion }: Informer<KubeObject>, { metadata }: ResourceQuota): boolean =>
  Number(resourceVersion ?? 0) >= Number(metadata.resourceVersion)

/** What the objects use of the quota's resources; those that nothing uses stand at zero. */
export function count(
  quota: ResourceQuota,
  type: ResourceType,
  objects: readonly KubeObject[],
  now: number,
): Record<string, Quantity> {
  const used: Record<string, Quantity> = {}
  const evaluator = quotaEvaluator(type)!
  const hard = quota.spec?.hard ?? {}
  const tracked = Object.keys(hard).filter(name => evaluator.tracks(name))
  for (const name of tracked) used[name] ??= quantityOf(0)
  for (const object of objects) {
    if (!quotaMatches(quota, hard, evaluator, object)) continue
    const usage = evaluator.usage(object, now)
    for (const name of tracked) {
      const amount = usage.get(name)
      if (amount !== undefined) used[name] = addQuantities(used[name]!, amount)
    }
  }
  return used
}
