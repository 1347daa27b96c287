/** Likely mistakes in pods, sent as `Warning` headers (k8s.io/kubernetes/pkg/api/pod/warnings.go). */
import { semanticEqual } from '@canopus/apimachinery'
import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  Pod,
  PodAffinity,
  PodSpec,
  PodTemplateSpec,
  Volume,
} from '../../../generated/core.v1.ts'
import {
  fractionWarnings,
  hostNameWarnings,
  ipWarnings,
  nodeLabelDeprecation,
  nodeTermWarnings,
} from '../../shared/warnings.ts'
import { APPARMOR_ANNOTATION, profileOfAnnotation, USE_APPARMOR_FIELD } from './app-armor.ts'
import { overlapWarnings } from './overlap-warnings.ts'

const WHOLE_BYTES = ['memory', 'ephemeral-storage']
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'
const NO_SELECTOR = 'a null labelSelector results in matching no pod'

const OLD_ANNOTATIONS: readonly (readonly [string, string])[] = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
]

/** Volumes that no kubelet of this version mounts. */
const OLD_VOLUMES: readonly (readonly [keyof Volume, string])[] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
]

type AnyContainer = Container | EphemeralContainer

interface Placed {
  path: string
  container: AnyContainer
}

/** Warnings about a template at `path` (such as `spec.template`), or about a pod where the path is empty. */
export function podTemplateWarnings(path: string, template: PodTemplateSpec | undefined): string[] {
  if (template?.spec === undefined) return []
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`)
  const { spec } = template
  const containers: Placed[] = []
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      containers.push({ path: at(`spec.${list}[${index}]`), container })
    }
  }
  const annotations = template.metadata?.annotations ?? {}
  return [
    ...placementWarnings(at('spec'), spec),
    ...OLD_ANNOTATIONS.flatMap(([key, text]) =>
      annotations[key] === undefined ? [] : [`${at(`metadata.annotations[${key}]`)}: ${text}`],
    ),
    ...volumeWarnings(at('spec'), spec),
    ...nameWarnings(at('spec'), spec),
    ...WHOLE_BYTES.flatMap(name => fractionWarnings(at('spec.overhead'), spec.overhead, name)),
    ...profileWarnings(at('metadata.annotations'), annotations, spec, containers, path !== ''),
    ...containers.flatMap(containerWarnings),
    ...portWarnings(containers),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${at('spec.terminationGracePeriodSeconds')}: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...affinityWarnings(at('spec.affinity.podAffinity'), spec.affinity?.podAffinity),
    ...affinityWarnings(at('spec.affinity.podAntiAffinity'), spec.affinity?.podAntiAffinity),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((ip, i) => ipWarnings(at(`spec.dnsConfig.nameservers[${i}]`), ip)),
    ...(spec.hostAliases ?? []).flatMap(({ ip }, i) => ipWarnings(at(`spec.hostAliases[${i}].ip`), ip)),
  ]
}

function placementWarnings(path: string, spec: PodSpec): string[] {
  const warnings: string[] = []
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const old = nodeLabelDeprecation(key)
    if (old !== undefined) warnings.push(`${path}.nodeSelector[${key}]: ${old}`)
  }
  const affinity = spec.affinity?.nodeAffinity
  const base = `${path}.affinity.nodeAffinity`
  for (const [index, term] of (affinity?.[REQUIRED]?.nodeSelectorTerms ?? []).entries()) {
    warnings.push(...nodeTermWarnings(`${base}.${REQUIRED}.nodeSelectorTerms[${index}]`, term, false))
  }
  for (const [index, { preference }] of (affinity?.[PREFERRED] ?? []).entries()) {
    warnings.push(...nodeTermWarnings(`${base}.${PREFERRED}[${index}].preference`, preference, true))
  }
  for (const [index, { topologyKey, labelSelector }] of (spec.topologySpreadConstraints ?? []).entries()) {
    const at = `${path}.topologySpreadConstraints[${index}]`
    const old = nodeLabelDeprecation(topologyKey)
    if (old !== undefined) warnings.push(`${at}.topologyKey: ${topologyKey} is ${old}`)
    if (labelSelector === undefined) warnings.push(`${at}.labelSelector: ${NO_SELECTOR}`)
  }
  return warnings
}

function affinityWarnings(path: string, affinity: PodAffinity | undefined): string[] {
  const warnings: string[] = []
  for (const [index, { labelSelector }] of (affinity?.[REQUIRED] ?? []).entries()) {
    if (labelSelector === undefined) warnings.push(`${path}.${REQUIRED}[${index}].labelSelector: ${NO_SELECTOR}`)
  }
  for (const [index, { podAffinityTerm }] of (affinity?.[PREFERRED] ?? []).entries()) {
    if (podAffinityTerm?.labelSelector !== undefined) continue
    warnings.push(`${path}.${PREFERRED}[${index}].podAffinityTerm.labelSelector: ${NO_SELECTOR}`)
  }
  return warnings
}

function volumeWarnings(path: string, { volumes }: PodSpec): string[] {
  const warnings: string[] = []
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = `${path}.volumes[${index}]`
    for (const [source, text] of OLD_VOLUMES) {
      if (!volume[source]) continue
      warnings.push(`${at}.${source === 'storageos' ? 'storageOS' : source}: ${text}`)
    }
    const resources = volume.ephemeral?.volumeClaimTemplate?.spec?.resources
    const claim = `${at}.ephemeral.volumeClaimTemplate.spec.resources`
    warnings.push(...fractionWarnings(`${claim}.requests`, resources?.requests, 'storage'))
    warnings.push(...fractionWarnings(`${claim}.limits`, resources?.limits, 'storage'))
  }
  return [...warnings, ...overlapWarnings(volumes)]
}

function nameWarnings(path: string, { hostAliases = [], imagePullSecrets = [] }: PodSpec): string[] {
  const warnings: string[] = []
  for (const [index, { ip }] of hostAliases.entries()) {
    if (hostAliases.findIndex(each => each.ip === ip) === index) continue
    warnings.push(`${path}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`)
  }
  const names = imagePullSecrets.map(each => each.name ?? '')
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) === index) continue
    warnings.push(`${path}.imagePullSecrets[${index}].name: duplicate name ${JSON.stringify(name)}`)
  }
  for (const [index, name] of names.entries()) {
    if (name === '') warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`)
  }
  return warnings
}

const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
const USE_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'

/** Profiles in annotations, where fields do not say the same. Pods' own AppArmor annotations become fields instead. */
function profileWarnings(
  path: string,
  annotations: Readonly<Record<string, string>>,
  spec: PodSpec,
  containers: readonly Placed[],
  isTemplate: boolean,
): string[] {
  const warnings: string[] = []
  const warn = (key: string, text: string): void => {
    if (annotations[key] !== undefined) warnings.push(`${path}[${key}]: ${text}`)
  }
  if (!spec.securityContext?.seccompProfile) warn(SECCOMP_POD, USE_SECCOMP)
  for (const { container } of containers) {
    if (!container.securityContext?.seccompProfile) warn(SECCOMP_CONTAINER + container.name, USE_SECCOMP)
    if (!isTemplate || container.securityContext?.appArmorProfile) continue
    const profile = spec.securityContext?.appArmorProfile
    const said = annotations[APPARMOR_ANNOTATION + container.name]
    const sameAsPod = profile && said !== undefined && semanticEqual(profile, profileOfAnnotation(said))
    if (!sameAsPod) warn(APPARMOR_ANNOTATION + container.name, USE_APPARMOR_FIELD)
  }
  return warnings
}

function containerWarnings({ path, container }: Placed): string[] {
  const warnings: string[] = []
  for (const name of WHOLE_BYTES) {
    for (const kind of ['limits', 'requests'] as const) {
      warnings.push(...fractionWarnings(`${path}.resources.${kind}`, container.resources?.[kind], name))
    }
  }
  const seen = new Set<string>()
  for (const [index, { name, value = '', valueFrom }] of (container.env ?? []).entries()) {
    const reference = `$(${name})`
    const extends_ = !valueFrom && value !== reference && value.includes(reference)
    if (seen.has(name) && !extends_) {
      const text = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`
      warnings.push(`${path}.env[${index}]: ${text}`)
    }
    seen.add(name)
  }
  return warnings
}

/** How a port clashes with one of the same number and protocol, if it does. */
function clashOf(port: ContainerPort, other: ContainerPort): string | undefined {
  const [ip, hostPort] = [port.hostIP ?? '', port.hostPort ?? 0]
  const [otherIp, otherHostPort] = [other.hostIP ?? '', other.hostPort ?? 0]
  if (ip === otherIp && hostPort === otherHostPort) return 'duplicate port definition'
  if (hostPort === 0 || otherHostPort === 0) return 'overlapping port definition'
  const oneIsOpen = (ip === '') !== (otherIp === '')
  return hostPort === otherHostPort && oneIsOpen ? 'dangerously ambiguous port definition' : undefined
}

/** Fields of a port in the order in which Go prints the struct. */
const showPort = ({ name = '', hostPort = 0, containerPort, protocol = '', hostIP = '' }: ContainerPort): string =>
  `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`

function portWarnings(containers: readonly Placed[]): string[] {
  const warnings: string[] = []
  const names: string[] = []
  const byNumber = new Map<string, { field: string; port: ContainerPort }[]>()
  const byName = new Map<string, string>()
  for (const { path, container } of containers) {
    for (const [index, port] of (container.ports ?? []).entries()) {
      const field = `${path}.ports[${index}]`
      if (port.hostIP && !port.hostPort) warnings.push(`${field}: hostIP set without hostPort: ${showPort(port)}`)
      const key = `${port.containerPort}/${port.protocol}`
      const others = byNumber.get(key) ?? []
      for (const other of others) {
        const clash = clashOf(port, other.port)
        if (clash !== undefined) warnings.push(`${field}: ${clash} with ${other.field}`)
      }
      byNumber.set(key, [...others, { field, port }])
      if (!port.name) continue
      const first = byName.get(port.name)
      if (first === undefined) byName.set(port.name, field)
      else {
        const use = `services and probes that select ports by name will use ${first}`
        names.push(`${field}: duplicate port name ${JSON.stringify(port.name)} with ${first}, ${use}`)
      }
    }
  }
  return [...warnings, ...names]
}

/** Warnings about a pod that is new; what was wrong before is not said again. */
export function podWarnings(pod: Pod, old: Pod | undefined): string[] {
  if (old !== undefined) return []
  return [...hostNameWarnings(pod.metadata.name, "the Pod's hostname"), ...podTemplateWarnings('', pod)]
}

/** The addresses that a status tells of. */
export const addressWarnings = ({ status }: Pod): string[] =>
  (['podIPs', 'hostIPs'] as const).flatMap(list =>
    (status?.[list] ?? []).flatMap(({ ip = '' }, index) => ipWarnings(`status.${list}[${index}].ip`, ip)),
  )
