/**
 * Which API servers there are, where their number is known beforehand: each adds itself to the endpoints of the service `kubernetes`,
 * and takes others out where they are too many (pkg/controlplane/reconcilers/instancecount.go).
 */
import { Endpoints } from '@canopus/api'
import type { Endpoints as EndpointsObject } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import type { ServerAddresses } from './endpoint-leases.ts'

const NAME = 'kubernetes'
const SCOPE = { namespace: 'default' }

/** The addresses as they are to be: this server's own too, and no more than `count`. */
export function countedAddresses(present: readonly string[] | undefined, own: string, count: number): string[] {
  if (present === undefined) return [own]
  if (present.includes(own) && present.length <= count) return [...present]
  const all = [...new Set([...present, own])].sort()
  // Those after its own go, all around: where all servers do so, they agree in the end.
  while (all.length > count) all.splice((all.indexOf(own) + 1) % all.length, 1)
  return all
}

export class CountedServers implements ServerAddresses {
  readonly #client: Client
  readonly #address: string
  readonly #count: number

  constructor(client: Client, address: string, count: number) {
    this.#client = client
    this.#address = address
    this.#count = count
  }

  /** The endpoints themselves say it. */
  async renew(): Promise<void> {}

  async addresses(): Promise<string[]> {
    return countedAddresses(presentIn(await this.#endpoints()), this.#address, this.#count)
  }

  async remove(): Promise<void> {
    const endpoints = await this.#endpoints()
    const [subset] = endpoints?.subsets ?? []
    if (endpoints === undefined || subset?.addresses === undefined) return
    const addresses = subset.addresses.filter(({ ip }) => ip !== this.#address)
    const subsets = addresses.length === 0 ? [] : [{ ...subset, addresses }]
    await this.#client.resource(Endpoints).update({ ...endpoints, subsets }, SCOPE)
  }

  async #endpoints(): Promise<EndpointsObject | undefined> {
    try {
      return await this.#client.resource(Endpoints).get(NAME, SCOPE)
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined
      throw error
    }
  }
}

/** Nothing where the endpoints are not as servers write them. */
function presentIn(endpoints: EndpointsObject | undefined): string[] | undefined {
  const { subsets = [] } = endpoints ?? {}
  return subsets.length === 1 ? subsets[0]!.addresses?.map(({ ip }) => ip) : undefined
}
