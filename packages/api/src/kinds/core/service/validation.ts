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
import { isExternallyAccessible, isHeadless, needsHealthCheckNodePort } from './fields.ts'
import { checkClusterIps, checkFamilyChange, checkIpChange } from './validation-ip.ts'

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const POLICIES = ['Cluster', 'Local']
const DISTRIBUTIONS = ['PreferClose', 'PreferSameNode', 'PreferSameZone']
const LONGEST_AFFINITY = 86400
const ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"

export function validateService(service: Service): FieldError[] {
  const errors: Errors = []
  const { spec } = service
  const headless = isHeadless(service)
  if ((spec.ports ?? []).length === 0 && !headless && spec.type !== 'ExternalName') errors.push(required('spec.ports'))
  if (headless && (spec.type === 'LoadBalancer' || spec.type === 'NodePort')) {
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`))
  }
  if (spec.type === 'ExternalName') checkExternalName(errors, spec)
  checkPorts(errors, spec)
  if (spec.selector) push(errors, validateLabels(spec.selector, 'spec.selector'))
  checkAffinity(errors, spec)
  checkClusterIps(errors, service)
  for (const [index, ip] of (spec.externalIPs ?? []).entries()) {
    const found = validateIp(`spec.externalIPs[${index}]`, ip)
    push(errors, found)
    if (found.length === 0) checkNonSpecialIp(errors, `spec.externalIPs[${index}]`, ip)
  }
  checkChoice(errors, 'spec.type', spec.type, TYPES)
  checkNodePorts(errors, spec)
  checkLoadBalancer(errors, service)
  checkTraffic(errors, service)
  return errors
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
    if (ports.has(key)) errors.push(duplicate(`spec.ports[${index}]`, { protocol, port }))
    ports.add(key)
  }
}

function checkLoadBalancer(errors: Errors, { spec }: Service): void {
  const isLoadBalancer = spec.type === 'LoadBalancer'
  const ranges = spec.loadBalancerSourceRanges ?? []
  if (ranges.length > 0 && !isLoadBalancer) {
    errors.push(forbidden('spec.LoadBalancerSourceRanges', ONLY_LOAD_BALANCER))
  }
  for (const [index, range] of ranges.entries()) {
    push(errors, validateCidr(`spec.LoadBalancerSourceRanges[${index}]`, range.trim()))
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isLoadBalancer) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', ONLY_LOAD_BALANCER))
  }
  if (spec.loadBalancerClass === undefined) return
  if (isLoadBalancer) checkText(errors, 'spec.loadBalancerClass', spec.loadBalancerClass, checkQualifiedName)
  else errors.push(forbidden('spec.loadBalancerClass', ONLY_LOAD_BALANCER))
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
  if (spec.internalTrafficPolicy === undefined && spec.type !== 'ExternalName') {
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
  const port = service.spec.healthCheckNodePort ?? 0
  const oldPort = old.spec.healthCheckNodePort ?? 0
  if (needsHealthCheckNodePort(old) && needsHealthCheckNodePort(service) && oldPort !== 0 && port !== oldPort) {
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'))
  }
  push(errors, validateService(service))
  return errors
}

export function validateServiceStatusUpdate({ spec, status }: Service): FieldError[] {
  const errors: Errors = []
  const ingress = status?.loadBalancer?.ingress ?? []
  const path = 'status.loadBalancer.ingress'
  if (spec.type !== 'LoadBalancer' && ingress.length > 0)
    errors.push(forbidden(path, 'may only be used when `spec.type` is "LoadBalancer"'))
  for (const [index, { ip, hostname, ipMode }] of ingress.entries()) {
    if (ip) push(errors, validateIp(`${path}[${index}].ip`, ip))
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
