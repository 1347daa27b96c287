import type { Container, ContainerExtendedResourceRequest, Pod } from '@canopus/api/core/v1'
import type { DeviceClass, DeviceRequest, ResourceClaim } from '@canopus/api/resource/v1'
import { type Draft, quantityValue } from '@canopus/apimachinery'

const ANNOTATION = 'resource.kubernetes.io/extended-resource-claim'
const CLASS_PREFIX = 'deviceclass.resource.kubernetes.io/'

/** Finds the class of devices that an extended resource is made of (KEP-5004). */
export type DeviceClassFor = (resource: string) => DeviceClass | undefined

/** Classes by the resources that they stand for; of two for one resource the younger is meant, then the first by name. */
export function classesByResource(classes: readonly DeviceClass[]): ReadonlyMap<string, DeviceClass> {
  const found = new Map<string, DeviceClass>()
  for (const each of classes) {
    found.set(`${CLASS_PREFIX}${each.metadata.name}`, each)
    const { extendedResourceName } = each.spec
    if (!extendedResourceName) continue
    const other = found.get(extendedResourceName)
    if (other === undefined || isPreferred(each, other)) found.set(extendedResourceName, each)
  }
  return found
}

function isPreferred(a: DeviceClass, b: DeviceClass): boolean {
  const age = (each: DeviceClass): number => Date.parse(each.metadata.creationTimestamp ?? '') || 0
  return age(a) === age(b) ? a.metadata.name < b.metadata.name : age(a) > age(b)
}

/** Whether devices may stand for the resource: extended ones, and those that name a class of devices themselves. */
export function mayBeDevices(resource: string): boolean {
  if (resource.startsWith(CLASS_PREFIX)) return true
  return resource.includes('/') && !resource.includes('kubernetes.io/') && !resource.startsWith('requests.')
}

/** Whether the claim is the one that the scheduler has made for extended resources of the pod. */
export function isExtendedClaimOf({ metadata }: Pod, claim: ResourceClaim): boolean {
  if (claim.metadata.annotations?.[ANNOTATION] !== 'true') return false
  return (claim.metadata.ownerReferences ?? []).some(each => each.controller === true && each.uid === metadata.uid)
}

/** Which request of the claim serves which resource of which container. */
export type RequestMappings = readonly ContainerExtendedResourceRequest[]

/** The claim for the pod's extended resources, before it has a name. */
export function extendedClaimDraft({ metadata }: Pod, requests: readonly DeviceRequest[]): Draft<ResourceClaim> {
  const { name, namespace, uid } = metadata
  return {
    metadata: {
      generateName: `${name}-extended-resources-`,
      ...(namespace === undefined ? {} : { namespace }),
      annotations: { [ANNOTATION]: 'true' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid, controller: true }],
    },
    spec: { devices: { requests: [...requests] } },
  }
}

/**
 * What to ask for so that every container gets its devices. What containers get that run on, those that end before they
 * start may use first; what more these need they share, as they run one after the other.
 */
export function requestsFor(
  pod: Pod,
  resources: readonly string[],
  classFor: DeviceClassFor,
): { requests: DeviceRequest[]; mappings: RequestMappings } {
  const initial = pod.spec?.initContainers ?? []
  const containers = [...initial, ...(pod.spec?.containers ?? [])]
  const ends = (index: number): boolean => index < initial.length && containers[index]!.restartPolicy !== 'Always'
  const requests: DeviceRequest[] = []
  const mappings: ContainerExtendedResourceRequest[] = []
  for (const resource of resources.toSorted()) {
    const deviceClass = classFor(resource)
    if (deviceClass === undefined) continue
    const asked = (index: number, others: readonly (DeviceRequest | undefined)[]) =>
      requestOf(containers[index]!, index, resource, deviceClass.metadata.name, others)
    const lasting = containers.map((_, index) => (ends(index) ? undefined : asked(index, [])))
    const passing = containers.map((_, index) =>
      ends(index)
        ? asked(
            index,
            lasting.slice(index).map(each => each?.request),
          )
        : undefined,
    )
    const most = passing.reduce<DeviceRequest | undefined>(
      (best, each) => (each?.request && countOf(each.request) > countOf(best) ? each.request : best),
      undefined,
    )
    const own = new Set(passing.flatMap(each => each?.request?.name ?? []))
    if (most !== undefined) requests.push(most)
    requests.push(...lasting.flatMap(each => each?.request ?? []))
    mappings.push(...lasting.flatMap(each => each?.mappings ?? []))
    for (const each of passing.flatMap(one => one?.mappings ?? [])) {
      mappings.push(own.has(each.requestName) ? { ...each, requestName: most!.name } : each)
    }
  }
  return { requests: requests.sort((a, b) => (a.name < b.name ? -1 : 1)), mappings }
}

const countOf = (request: DeviceRequest | undefined): number => request?.exactly?.count ?? 0

function requestOf(
  { name, resources }: Container,
  index: number,
  resource: string,
  deviceClassName: string,
  others: readonly (DeviceRequest | undefined)[],
): { request?: DeviceRequest; mappings: ContainerExtendedResourceRequest[] } {
  const wanted = quantityValue(resources?.requests?.[resource] ?? '0')
  const mappings: ContainerExtendedResourceRequest[] = []
  if (wanted === 0) return { mappings }
  let lacking = wanted
  for (const other of others) {
    if (other === undefined) continue
    mappings.push({ containerName: name, resourceName: resource, requestName: other.name })
    lacking -= countOf(other)
    if (lacking <= 0) return { mappings }
  }
  const place = Object.keys(resources?.requests ?? {})
    .toSorted()
    .indexOf(resource)
  const requestName = `container-${index}-request-${place}`
  mappings.push({ containerName: name, resourceName: resource, requestName })
  const exactly = { deviceClassName, allocationMode: 'ExactCount', count: lacking }
  return { request: { name: requestName, exactly }, mappings }
}
