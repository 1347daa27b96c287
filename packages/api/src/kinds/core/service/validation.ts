/** Services (pkg/apis/core/validation/validation.go, ValidateService and ValidateServiceUpdate). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkPortNumber,
  checkQualifiedName,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  validateCidr,
  validateIp,
  validateLabels,
} from '@canopus/apimachinery'
import type { Service, ServicePort, ServiceSpec } from '../../../generated/core.v1.ts'
import { checkChoice, checkNumber, checkOptionalChoice, checkText, type Errors, push } from '../../shared/check.ts'
import { checkNonSpecialIp } from '../../shared/ip-check.ts'
import { PROTOCOLS } from '../pod/validate-container.ts'
import { checkPort } from '../pod/validate-probe.ts'
import { isExternallyAccessible, isHeadless, needsClusterIP, needsHealthCheckNodePort } from './fields.ts'
import { checkClusterIps, checkFamilyChange, checkIpChange } from './validation-ip.ts'

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const POLICIES = ['Cluster', 'Local']
const DISTRIBUTIONS = ['PreferClose', 'PreferSameZone', 'PreferSameNode']
const TOPOLOGY_HINTS = 'service.kubernetes.io/topology-aware-hints'
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode'
const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges'
const LONGEST_AFFINITY = 86400
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"

/** Values that were stored by older rules may stay as they are: `old` is the service before an update. */
export function validateService(service: Service, old?: Service): FieldError[] {
  const errors: Errors = []
  const { spec } = service
  checkTopology(errors, service)
  const headless = isHeadless(service)
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName') errors.push(required('spec.ports'))
  if (headless && (spec.type === 'LoadBalancer' || spec.type === 'NodePort')) {
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`))
  }
  if (spec.type === 'ExternalName') checkExternalName(errors, spec)
  checkPorts(errors, spec)
  if (spec.selector) push(errors, validateLabels(spec.selector, 'spec.selector'))
  checkAffinity(errors, spec)
  checkClusterIps(errors, service, old?.spec.clusterIPs)
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    const found = validateIp(`spec.externalIPs[${index}]`, ip, old?.spec.externalIPs)
    push(errors, found)
    if (found.length === 0) checkNonSpecialIp(errors, `spec.externalIPs[${index}]`, ip)
  }
  checkChoice(errors, 'spec.type', spec.type, TYPES)
  checkNodePorts(errors, spec)
  checkSourceRanges(errors, service, old)
  checkLoadBalancer(errors, service)
  checkTraffic(errors, service)
  return errors
}

function checkTopology(errors: Errors, { metadata: { annotations = {} } }: Service): void {
  const hints = annotations[TOPOLOGY_HINTS]
  const mode = annotations[TOPOLOGY_MODE]
  if (hints === undefined || mode === undefined || hints === mode) return
  const text = `must match annotations[${TOPOLOGY_HINTS}] when both are specified`
  errors.push(invalid(`metadata.annotations[${TOPOLOGY_MODE}]`, mode, text))
}

function checkExternalName(errors: Errors, spec: ServiceSpec): void {
  for (const field of ['clusterIPs', 'ipFamilies'] as const) {
    if ((spec[field] ?? []).length > 0) {
      errors.push(forbidden(`spec.${field}`, 'may not be set for ExternalName services'))
    }
  }
  if (spec.ipFamilyPolicy !== undefined) {
    errors.push(forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services'))
  }
  const name = (spec.externalName ?? '').replace(/\.$/, '')
  if (name === '') errors.push(required('spec.externalName'))
  else checkText(errors, 'spec.externalName', name, checkDns1123Subdomain)
}

function checkPorts(errors: Errors, spec: ServiceSpec): void {
  const ports = spec.ports ?? []
  const names = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`
    checkServicePort(errors, path, port, ports.length > 1)
    if (!port.name) continue
    if (names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name))
    names.add(port.name)
  }
}

function checkServicePort(errors: Errors, path: string, port: ServicePort, needsName: boolean): void {
  if (port.name) checkText(errors, `${path}.name`, port.name, checkDns1123Label)
  else if (needsName) errors.push(required(`${path}.name`))
  checkNumber(errors, `${path}.port`, port.port ?? 0, checkPortNumber)
  if (!port.protocol) errors.push(required(`${path}.protocol`))
  else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${path}.protocol`, port.protocol, PROTOCOLS))
  checkPort(errors, `${path}.targetPort`, port.targetPort)
  if (port.appProtocol !== undefined) checkText(errors, `${path}.appProtocol`, port.appProtocol, checkQualifiedName)
}

function checkAffinity(errors: Errors, { sessionAffinity, sessionAffinityConfig: config }: ServiceSpec): void {
  checkChoice(errors, 'spec.sessionAffinity', sessionAffinity, ['ClientIP', 'None'])
  const field = 'spec.sessionAffinityConfig'
  if (sessionAffinity === 'None' && config !== undefined) {
    errors.push(forbidden(field, 'must not be set when session affinity is None'))
  }
  if (sessionAffinity !== 'ClientIP') return
  const when = 'when session affinity type is ClientIP'
  const seconds = config?.clientIP?.timeoutSeconds
  if (config === undefined) errors.push(required(field, when))
  else if (config.clientIP === undefined) errors.push(required(`${field}.clientIP`, when))
  else if (seconds === undefined) errors.push(required(`${field}.clientIP.timeoutSeconds`, when))
  else if (seconds <= 0 || seconds > LONGEST_AFFINITY) {
    const text = `must be greater than 0 and less than ${LONGEST_AFFINITY}`
    errors.push(invalid(`${field}.clientIP.timeoutSeconds`, seconds, text))
  }
}

function checkNodePorts(errors: Errors, spec: ServiceSpec): void {
  const nodePorts = new Set<string>()
  const ports = new Set<string>()
  for (const [index, { nodePort, protocol = '' }] of (spec.ports ?? []).entries()) {
    if (!nodePort) continue
    const field = `spec.ports[${index}].nodePort`
    if (spec.type === 'ClusterIP') errors.push(forbidden(field, "may not be used when `type` is 'ClusterIP'"))
    const key = `${protocol}/${nodePort}`
    if (nodePorts.has(key)) errors.push(duplicate(field, nodePort))
    nodePorts.add(key)
  }
  for (const [index, { port, protocol = '' }] of (spec.ports ?? []).entries()) {
    const key = `${protocol}/${port}`
    if (ports.has(key)) errors.push(duplicate(`spec.ports[${index}]`, portKey(protocol, port)))
    ports.add(key)
  }
}

/** A port as upstream's messages show it: by the names of its internal fields. */
const portKey = (protocol: string, port: number): object => ({
  Name: '',
  Protocol: protocol,
  AppProtocol: null,
  Port: port,
  TargetPort: 0,
  NodePort: 0,
})

/** Where traffic may come from: in a field, or in an annotation that is older. */
function checkSourceRanges(errors: Errors, { metadata, spec }: Service, old: Service | undefined): void {
  const ranges = spec.loadBalancerSourceRanges ?? []
  const annotation = metadata.annotations?.[SOURCE_RANGES]
  const isLoadBalancer = spec.type === 'LoadBalancer'
  if (ranges.length > 0) {
    const field = 'spec.LoadBalancerSourceRanges'
    if (!isLoadBalancer) errors.push(forbidden(field, ONLY_LOAD_BALANCER))
    const before = (old?.spec.loadBalancerSourceRanges ?? []).map(range => range.trim())
    for (const [index, range] of ranges.entries()) {
      push(errors, validateCidr(`${field}[${index}]`, range.trim(), before))
    }
  } else if (annotation !== undefined) {
    const field = `metadata.annotations[${SOURCE_RANGES}]`
    if (!isLoadBalancer) errors.push(forbidden(field, ONLY_LOAD_BALANCER))
    if (old?.metadata.annotations?.[SOURCE_RANGES] === annotation || annotation.trim() === '') return
    for (const range of annotation.trim().split(',')) push(errors, validateCidr(field, range.trim()))
  }
}

function checkLoadBalancer(errors: Errors, { spec }: Service): void {
  const isLoadBalancer = spec.type === 'LoadBalancer'
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', ONLY_LOAD_BALANCER))
  }
  checkClass(errors, { spec })
}

function checkClass(errors: Errors, { spec: { type, loadBalancerClass } }: Pick<Service, 'spec'>): void {
  const field = 'spec.loadBalancerClass'
  if (loadBalancerClass === undefined) return
  if (type === 'LoadBalancer') checkText(errors, field, loadBalancerClass, checkQualifiedName)
  else errors.push(forbidden(field, ONLY_LOAD_BALANCER))
}

/** The health check's port is allocated by the API server, so it may still be missing here. */
function checkTraffic(errors: Errors, service: Service): void {
  const { externalTrafficPolicy: external, healthCheckNodePort: health, ...spec } = service.spec
  if (isExternallyAccessible(service)) checkChoice(errors, 'spec.externalTrafficPolicy', external, POLICIES)
  else if (external) {
    const text = 'may only be set for externally-accessible services'
    errors.push(invalid('spec.externalTrafficPolicy', external, text))
  }
  if (health) {
    const field = 'spec.healthCheckNodePort'
    if (needsHealthCheckNodePort(service)) checkNumber(errors, field, health, checkPortNumber)
    else {
      const text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
      errors.push(invalid(field, health, text))
    }
  }
  if (spec.internalTrafficPolicy === undefined && needsClusterIP(service)) {
    errors.push(required('spec.internalTrafficPolicy'))
  }
  checkOptionalChoice(errors, 'spec.internalTrafficPolicy', spec.internalTrafficPolicy, POLICIES)
  checkOptionalChoice(errors, 'spec.trafficDistribution', spec.trafficDistribution, DISTRIBUTIONS)
}

export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const errors: Errors = []
  checkIpChange(errors, service, old)
  checkFamilyChange(errors, service, old)
  if (service.spec.type === 'LoadBalancer' && old.spec.type === 'LoadBalancer') {
    const now = service.spec.loadBalancerClass
    if (now !== old.spec.loadBalancerClass) {
      errors.push(invalid('spec.loadBalancerClass', now, 'may not change once set'))
    }
  }
  // Told here, and again with all the rest.
  checkClass(errors, service)
  const port = service.spec.healthCheckNodePort ?? 0
  const oldPort = old.spec.healthCheckNodePort ?? 0
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(service) && oldPort !== 0 && port !== oldPort) {
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'))
  }
  push(errors, validateService(service, old))
  return errors
}

export function validateServiceStatusUpdate({ spec, status }: Service, old: Service): FieldError[] {
  const errors: Errors = []
  const before = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  const ingress = status?.loadBalancer?.ingress ?? []
  const path = 'status.loadBalancer.ingress'
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    return [forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")]
  }
  for (const [index, { ip, hostname, ipMode }] of ingress.entries()) {
    if (ip) push(errors, validateIp(`${path}[${index}].ip`, ip, before))
    if (ip && ipMode === undefined)
      errors.push(required(`${path}[${index}].ipMode`, 'must be specified when `ip` is set'))
    if (!ip && ipMode !== undefined)
      errors.push(forbidden(`${path}[${index}].ipMode`, 'may not be specified when `ip` is not set'))
    if (ip) checkOptionalChoice(errors, `${path}[${index}].ipMode`, ipMode, ['Proxy', 'VIP'])
    if (!hostname) continue
    checkText(errors, `${path}[${index}].hostname`, hostname, checkDns1123Subdomain)
    if (/^[0-9.]+$|:/.test(hostname)) {
      errors.push(invalid(`${path}[${index}].hostname`, hostname, 'must be a DNS name, not an IP address'))
    }
  }
  return errors
}
