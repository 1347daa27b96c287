/** What an autoscaler scales: an object with the subresource `scale`, of whatever kind. */
import { allResourceTypes } from '@canopus/api'
import type { CrossVersionObjectReference } from '@canopus/api/autoscaling/v2'
import { type KubeObject, type ObjectMeta, parseApiVersion, type ResourceType } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import { type Client, createDiscovery, type Discovered } from '@canopus/client'

export interface Scale {
  metadata: ObjectMeta
  spec?: { replicas?: number }
  status?: { replicas?: number; selector?: string }
}

/** How long what discovery said counts, in milliseconds, as upstream resets its mapper. */
const DISCOVERY_LIFE = 30_000

/** Resources by their kinds: those that are built in, and what the server says of others. */
export class KindMap {
  readonly #discover: () => Promise<Discovered>
  readonly #clock: Clock
  #found: { types: readonly ResourceType<KubeObject>[]; until: number } | undefined

  constructor(client: Client, clock: Clock) {
    this.#discover = createDiscovery(client.transport)
    this.#clock = clock
  }

  /** Every resource of a kind, in whatever version. Throws where there is none. */
  async resources({
    apiVersion = '',
    kind,
  }: CrossVersionObjectReference): Promise<readonly ResourceType<KubeObject>[]> {
    const { group } = parseApiVersion(apiVersion)
    const fits = (type: ResourceType<KubeObject>): boolean => type.group === group && type.kind === kind
    const builtIn = allResourceTypes.filter(type => fits(type as ResourceType<KubeObject>))
    if (builtIn.length > 0) return builtIn as ResourceType<KubeObject>[]
    const served = (await this.#discovered()).filter(fits)
    if (served.length === 0) {
      throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`)
    }
    return served
  }

  async #discovered(): Promise<readonly ResourceType<KubeObject>[]> {
    const now = this.#clock.monotonic()
    if (this.#found === undefined || this.#found.until <= now) {
      const { types } = await this.#discover()
      this.#found = { types, until: now + DISCOVERY_LIFE }
    }
    return this.#found.types
  }
}

export interface ScaleTarget {
  scale: Scale
  /** Asks for another number of replicas. */
  rescale(replicas: number): Promise<void>
}

/** The target's scale; throws what the first way to it says where there is none. */
export async function readScale(
  client: Client,
  kinds: KindMap,
  namespace: string,
  reference: CrossVersionObjectReference,
): Promise<ScaleTarget> {
  let failure: unknown
  for (const type of await kinds.resources(reference)) {
    const resource = client.resource(type)
    try {
      const scale = await resource.subresource<Scale>(reference.name, 'scale', undefined, { namespace })
      return {
        scale,
        async rescale(replicas) {
          const body = { ...scale, spec: { ...scale.spec, replicas } }
          await resource.subresource(reference.name, 'scale', body, { namespace, method: 'PUT' })
        },
      }
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}
