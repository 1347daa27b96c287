import { type QuotaAmounts, quotaEvaluator, ResourceQuotas } from '@canopus/api'
import type { Pod, ResourceQuota } from '@canopus/api/core/v1'
import { hasReason, plainError } from '@canopus/apimachinery'
import { type Client, createClient } from '@canopus/client'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { demandOf, scopesText } from './limited-resources.ts'
import { charge, type QuotaRequest } from './quota-check.ts'
import { type AdmissionContext, refusal } from './shared.ts'

/** Attempts at a write that the counting controller, or another API server, may cross. */
const ATTEMPTS = 4

interface Waiting {
  attributes: AdmissionAttributes
  request: QuotaRequest
  resolve(): void
  reject(error: unknown): void
}

/**
 * Nothing is created beyond the quotas of its namespace. Usage is raised by compare-and-swap before the object is stored, so
 * that requests at the same time cannot both have the last place. Requests of one namespace are checked one after the
 * other, those that wait together in one write.
 */
export function resourceQuota(context: AdmissionContext): AdmissionPlugin {
  const client = createClient(context.loopback)
  const limited = context.configuration?.limitedResources ?? []
  const namespaces = new Map<string, NamespaceQuotas>()
  return {
    name: 'ResourceQuota',
    operations: ['CREATE', 'UPDATE'],
    validate(attributes) {
      const { namespace, object } = attributes
      if (namespace === '' || object === undefined) return
      if (limited.length === 0 && context.objects.list(ResourceQuotas, namespace).length === 0) return
      const evaluator = quotaEvaluator(attributes.type)
      if (evaluator === undefined || !concerns(attributes)) return
      const { type, oldObject } = attributes
      const demand = (usage: QuotaAmounts) => demandOf(limited, type, evaluator, object, usage)
      const request = {
        evaluator,
        object,
        oldObject,
        now: context.clock.now(),
        ...(limited.length === 0 ? {} : { demand }),
      }
      let quotas = namespaces.get(namespace)
      if (quotas === undefined) {
        quotas = new NamespaceQuotas(context, client, namespace, () => namespaces.delete(namespace))
        namespaces.set(namespace, quotas)
      }
      return quotas.admit(attributes, request)
    },
  }
}

/** Of updates only those matter that can change what is used. */
function concerns({ type, operation, subresource, object, oldObject }: AdmissionAttributes): boolean {
  const isPlain = subresource === ''
  if (type.group !== '') return isPlain && operation === 'CREATE'
  switch (type.plural) {
    case 'pods':
      if (subresource === 'resize') return operation === 'UPDATE'
      if (!isPlain) return false
      return operation === 'CREATE' || isTerminating(object as Pod) !== isTerminating(oldObject as Pod)
    case 'services':
    case 'persistentvolumeclaims':
      return isPlain
    default:
      return isPlain && operation === 'CREATE'
  }
}

const isTerminating = (pod: Pod): boolean => pod.spec?.activeDeadlineSeconds !== undefined

/** The requests of one namespace, in their order. */
class NamespaceQuotas {
  readonly #context: AdmissionContext
  readonly #client: Client
  readonly #namespace: string
  readonly #whenIdle: () => void
  /** What was written here lately, for the cache may not show it yet. */
  readonly #written = new Map<string, ResourceQuota>()
  #waiting: Waiting[] = []
  #running = false

  constructor(context: AdmissionContext, client: Client, namespace: string, whenIdle: () => void) {
    this.#context = context
    this.#client = client
    this.#namespace = namespace
    this.#whenIdle = whenIdle
  }

  admit(attributes: AdmissionAttributes, request: QuotaRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ attributes, request, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      await this.#settle(batch, 1)
    }
    this.#running = false
    this.#whenIdle()
  }

  /**
   * Answers each request of the batch, after the usage that the accepted ones add up to has been written. `unwritten` are
   * the quotas that a crossed write left to be charged: the others have been already.
   */
  async #settle(batch: readonly Waiting[], attempt: number, unwritten?: ReadonlySet<string>): Promise<void> {
    const left = new Set<string>()
    try {
      const all = attempt === 1 ? this.#cached() : await this.#fresh()
      const before = unwritten === undefined ? all : all.filter(({ metadata }) => unwritten.has(metadata.name!))
      const { after, accepted } = chargeAll(before, batch)
      const changed = after.filter((quota, index) => quota !== before[index])
      for (const { metadata } of changed) left.add(metadata.name!)
      for (const quota of changed) {
        const stored = await this.#client.resource(ResourceQuotas).updateStatus(quota, { namespace: this.#namespace })
        this.#written.set(stored.metadata.name!, stored)
        left.delete(stored.metadata.name!)
      }
      for (const each of accepted) each.resolve()
    } catch (error) {
      if (hasReason(error, 'Conflict') && attempt < ATTEMPTS) {
        await this.#settle(batch, attempt + 1, left)
        return
      }
      // Those that were refused have their answer already; a promise settles once.
      for (const each of batch) each.reject(error)
    }
  }

  #cached(): ResourceQuota[] {
    return this.#context.objects.list(ResourceQuotas, this.#namespace).map(quota => {
      const written = this.#written.get(quota.metadata.name!)
      const isNewer =
        written !== undefined &&
        written.metadata.uid === quota.metadata.uid &&
        Number(written.metadata.resourceVersion) > Number(quota.metadata.resourceVersion)
      return isNewer ? written : quota
    })
  }

  async #fresh(): Promise<ResourceQuota[]> {
    this.#written.clear()
    return (await this.#client.resource(ResourceQuotas).list({ namespace: this.#namespace })).items
  }
}

function chargeAll(before: readonly ResourceQuota[], batch: readonly Waiting[]) {
  let after = before
  const accepted: Waiting[] = []
  for (const each of batch) {
    const verdict = charge(after, each.request)
    if (verdict.kind === 'refused') {
      each.reject(refusal(each.attributes, verdict.why))
      continue
    }
    if (verdict.kind === 'uncovered') {
      const message = `insufficient quota to match these scopes: ${scopesText(verdict.scopes)}`
      each.reject(plainError(message))
      continue
    }
    if (!each.attributes.dryRun) after = verdict.quotas
    accepted.push(each)
  }
  return { after, accepted }
}
