import type { EndpointAddress, EndpointPort, EndpointSubset } from '@canopus/api/core/v1'
import { stableJson } from '@canopus/apimachinery'

/** Which addresses there are, and whether each is ready. */
type Readiness = Map<string, boolean>

/**
 * Subsets in their canonical form: ports that lead to the same addresses stand together, whichever subsets named them. An address is
 * told apart by its object too; where one says that it is not ready, it is not (`RepackSubsets`, pkg/api/v1/endpoints/util.go).
 */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const addresses = new Map<string, EndpointAddress>()
  const byPort = new Map<string, { port: EndpointPort | undefined; readiness: Readiness }>()
  for (const subset of subsets) {
    for (const port of subset.ports?.length ? subset.ports : [undefined]) {
      const id = stableJson(port ?? null)
      const offered = byPort.get(id) ?? { port, readiness: new Map() }
      byPort.set(id, offered)
      const note = (address: EndpointAddress, ready: boolean): void => {
        const key = `${address.ip} ${address.targetRef?.uid ?? ''}`
        if (!addresses.has(key)) addresses.set(key, address)
        offered.readiness.set(key, ready && offered.readiness.get(key) !== false)
      }
      for (const address of subset.addresses ?? []) note(address, true)
      for (const address of subset.notReadyAddresses ?? []) note(address, false)
    }
  }
  const packed = new Map<string, { ports: EndpointPort[]; readiness: Readiness }>()
  for (const { port, readiness } of byPort.values()) {
    const key = JSON.stringify([...readiness].sort())
    const group = packed.get(key) ?? { ports: [], readiness }
    packed.set(key, group)
    if (port !== undefined) group.ports.push(port)
  }
  return [...packed.values()].map(({ ports, readiness }) => {
    const those = (ready: boolean): EndpointAddress[] =>
      [...readiness].filter(each => each[1] === ready).map(([key]) => addresses.get(key)!)
    return { addresses: those(true), notReadyAddresses: those(false), ports }
  })
}
