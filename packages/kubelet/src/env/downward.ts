import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '@canopus/api/core/v1'
import { goQuote, milliValue, quantityValue } from '@canopus/apimachinery'

/** What a pod may learn of itself that is not in its spec. */
export interface DownwardFacts {
  nodeName: string
  hostIps: readonly string[]
  podIps: readonly string[]
  /** Quantities by resource name: what a container without a limit is told. */
  allocatable: Readonly<Record<string, string>>
}

/** A field that the pod does not have, or a resource that nobody knows. */
export class DownwardError extends Error {}

/** A pod's field as text (upstream pkg/fieldpath and pkg/kubelet/kubelet_pods.go, podFieldSelectorRuntimeValue). */
export function fieldValue(selector: ObjectFieldSelector, pod: Pod, facts: DownwardFacts): string {
  const { metadata, spec } = pod
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(selector.fieldPath)
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2]!] ?? ''
  switch (selector.fieldPath) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid
    case 'metadata.labels':
      return mapText(metadata.labels)
    case 'metadata.annotations':
      return mapText(metadata.annotations)
    case 'spec.nodeName':
      return spec.nodeName ?? facts.nodeName
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? ''
    case 'status.hostIP':
      return facts.hostIps[0] ?? ''
    case 'status.hostIPs':
      return facts.hostIps.join(',')
    case 'status.podIP':
      return facts.podIps[0] ?? ''
    case 'status.podIPs':
      return facts.podIps.join(',')
    default:
      throw new DownwardError(`unsupported fieldPath: ${selector.fieldPath}`)
  }
}

/** `key="value"` lines in the order of the keys, values quoted as Go does. */
function mapText(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map(key => `${key}=${goQuote(map![key]!)}`)
    .join('\n')
}

/** A container's limit or request in units of the divisor, rounded up (upstream pkg/api/v1/resource/helpers.go). */
export function resourceValue(selector: ResourceFieldSelector, pod: Pod, own: Container, facts: DownwardFacts): string {
  const container = selector.containerName ? containerNamed(pod, selector.containerName) : own
  const [kind, name] = splitOnce(selector.resource)
  if (container === undefined || (kind !== 'limits' && kind !== 'requests'))
    throw new DownwardError(`unsupported container resource: ${selector.resource}`)
  const { limits, requests } = container.resources ?? {}
  const quantity =
    kind === 'limits' ? (limits?.[name] ?? facts.allocatable[name] ?? '0') : (requests?.[name] ?? limits?.[name] ?? '0')
  const divisor = selector.divisor === undefined || selector.divisor === '0' ? '1' : selector.divisor
  return name === 'cpu'
    ? String(Math.ceil(milliValue(quantity) / milliValue(divisor)))
    : String(Math.ceil(quantityValue(quantity) / quantityValue(divisor)))
}

function containerNamed(pod: Pod, name: string): Container | undefined {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(container => container.name === name)
}

function splitOnce(text: string): [string, string] {
  const dot = text.indexOf('.')
  return dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)]
}
