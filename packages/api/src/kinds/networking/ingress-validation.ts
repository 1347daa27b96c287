/** Ingresses and their classes (pkg/apis/networking/validation/validation.go). */
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkPathSegmentName,
  checkPortName,
  checkPortNumber,
  checkWildcardDns1123Subdomain,
  type FieldError,
  forbidden,
  invalid,
  isFeatureOn,
  isIp,
  notSupported,
  patternMessage,
  required,
  validateIp,
} from '@canopus/apimachinery'
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
} from '../../generated/networking.v1.ts'
import { checkImmutable, checkNumber, checkText, type Errors, push } from '../shared/check.ts'

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class'
const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix']
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F']
const BAD_ENDINGS = ['/..', '/.']

export function validateIngress(ingress: Ingress): FieldError[] {
  const errors: Errors = []
  checkSpec(errors, ingress)
  const said = ingress.metadata.annotations?.[CLASS_ANNOTATION]
  const { ingressClassName } = ingress.spec
  if (said !== undefined && ingressClassName !== undefined && said !== ingressClassName) {
    const text = 'must match `ingressClassName` when both are specified'
    errors.push(invalid(`annotations.${CLASS_ANNOTATION}`, said, text))
  }
  return errors
}

export function validateIngressUpdate(ingress: Ingress): FieldError[] {
  const errors: Errors = []
  checkSpec(errors, ingress)
  return errors
}

function checkSpec(errors: Errors, { spec }: Ingress): void {
  const rules = spec.rules ?? []
  if (rules.length === 0 && spec.defaultBackend === undefined) {
    errors.push(invalid('spec', spec.rules, 'either `defaultBackend` or `rules` must be specified'))
  }
  if (spec.defaultBackend) checkBackend(errors, 'spec.defaultBackend', spec.defaultBackend)
  for (const [index, rule] of rules.entries()) checkRule(errors, `spec.rules[${index}]`, rule)
  for (const [index, { hosts = [], secretName }] of (spec.tls ?? []).entries()) {
    const path = `spec.tls[${index}]`
    for (const [i, host] of hosts.entries()) checkHost(errors, `${path}.hosts[${i}]`, host)
    if (secretName) checkText(errors, `${path}.secretName`, secretName, checkDns1123Subdomain)
  }
  if (spec.ingressClassName !== undefined) {
    checkText(errors, 'spec.ingressClassName', spec.ingressClassName, checkDns1123Subdomain)
  }
}

function checkHost(errors: Errors, field: string, host: string): void {
  checkText(errors, field, host, host.includes('*') ? checkWildcardDns1123Subdomain : checkDns1123Subdomain)
}

function checkRule(errors: Errors, path: string, { host, http }: IngressRule): void {
  if (host) {
    if (isIp(host)) errors.push(invalid(`${path}.host`, host, 'must be a DNS name, not an IP address'))
    checkHost(errors, `${path}.host`, host)
  }
  if (http === undefined) return
  if ((http.paths ?? []).length === 0) errors.push(required(`${path}.http.paths`))
  for (const [index, each] of (http.paths ?? []).entries()) checkPath(errors, `${path}.http.paths[${index}]`, each)
}

function checkPath(errors: Errors, at: string, { path, pathType, backend }: HTTPIngressPath): void {
  if (pathType === undefined) {
    errors.push(required(`${at}.pathType`, 'pathType must be specified'))
    return
  }
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!path?.startsWith('/')) errors.push(invalid(`${at}.path`, path ?? '', 'must be an absolute path'))
    if (path) {
      for (const bad of BAD_SEQUENCES) {
        if (path.includes(bad)) errors.push(invalid(`${at}.path`, path, `must not contain '${bad}'`))
      }
      for (const bad of BAD_ENDINGS) {
        if (path.endsWith(bad)) errors.push(invalid(`${at}.path`, path, `cannot end with '${bad}'`))
      }
    }
  } else if (pathType === 'ImplementationSpecific') {
    if (path && !path.startsWith('/')) errors.push(invalid(`${at}.path`, path, 'must be an absolute path'))
  } else errors.push(notSupported(`${at}.pathType`, pathType, PATH_TYPES))
  checkBackend(errors, `${at}.backend`, backend ?? {})
}

const isRelaxed = (): boolean => isFeatureOn('RelaxedServiceNameValidation')

function checkBackend(errors: Errors, path: string, { service, resource }: IngressBackend): void {
  if (service && resource) {
    errors.push(invalid(path, '', 'cannot set both resource and service backends'))
    return
  }
  if (resource) {
    checkGroup(errors, `${path}.resource.apiGroup`, resource.apiGroup)
    for (const field of ['kind', 'name'] as const) {
      if (!resource[field]) errors.push(required(`${path}.resource.${field}`))
      else checkText(errors, `${path}.resource.${field}`, resource[field], checkPathSegmentName)
    }
    return
  }
  if (!service) {
    errors.push(invalid(path, '', 'resource or service backend is required'))
    return
  }
  if (!service.name) errors.push(required(`${path}.service.name`))
  else checkText(errors, `${path}.service.name`, service.name, isRelaxed() ? checkDns1123Label : checkDns1035Label)
  const { name, number } = service.port ?? {}
  if (name && number) errors.push(invalid(path, '', 'cannot set both port name & port number'))
  else if (name) checkText(errors, `${path}.service.port.name`, name, checkPortName)
  else if (number) checkNumber(errors, `${path}.service.port.number`, number, checkPortNumber)
  else errors.push(required(path, 'port name or number is required'))
}

/** The core group is said by leaving it out; Go writes null then. */
function checkGroup(errors: Errors, field: string, group: string | null | undefined): void {
  if (group !== undefined && group !== null) checkText(errors, field, group, checkDns1123Subdomain)
}

/** Addresses of load balancers; those that were there pass as they are. */
export function validateIngressStatus({ status }: Ingress, old: Ingress): FieldError[] {
  const errors: Errors = []
  const before = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []))
  for (const [index, { ip, hostname }] of (status?.loadBalancer?.ingress ?? []).entries()) {
    const path = `status.loadBalancer.ingress[${index}]`
    if (ip) push(errors, validateIp(`${path}.ip`, ip, before))
    if (!hostname) continue
    checkText(errors, `${path}.hostname`, hostname, checkDns1123Subdomain)
    if (isIp(hostname)) errors.push(invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'))
  }
  return errors
}

const LONGEST_CONTROLLER = 250

export function validateIngressClass({ spec }: IngressClass): FieldError[] {
  const errors: Errors = []
  const controller = spec?.controller ?? ''
  if (controller.length > LONGEST_CONTROLLER) {
    const body = `Too long: may not be more than ${LONGEST_CONTROLLER} bytes`
    errors.push({ type: 'FieldValueTooLong', field: 'spec.controller', body })
  }
  checkDomainPath(errors, 'spec.controller', controller)
  const parameters = spec?.parameters
  if (parameters === undefined) return errors
  const path = 'spec.parameters'
  checkGroup(errors, `${path}.apiGroup`, parameters.apiGroup)
  for (const field of ['kind', 'name'] as const) {
    if (!parameters[field]) errors.push(required(`${path}.${field}`))
    else checkText(errors, `${path}.${field}`, parameters[field], checkPathSegmentName)
  }
  const { scope, namespace } = parameters
  if (scope === undefined) errors.push(required(`${path}.scope`))
  else if (scope === 'Namespace') {
    if (namespace !== undefined) checkText(errors, `${path}.namespace`, namespace, checkDns1123Label)
    else errors.push(required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'"))
  } else if (scope === 'Cluster') {
    if (namespace !== undefined) errors.push(forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"))
  } else errors.push(notSupported(`${path}.scope`, scope, ['Cluster', 'Namespace']))
  return errors
}

/** `example.com/controller`: a domain, then a path. */
function checkDomainPath(errors: Errors, field: string, text: string): void {
  if (text === '') {
    errors.push(required(field))
    return
  }
  const slash = text.indexOf('/')
  if (slash <= 0 || slash === text.length - 1) {
    errors.push(invalid(field, text, 'must be a domain-prefixed path (such as "acme.io/foo")'))
    return
  }
  for (const message of checkDns1123Subdomain(text.slice(0, slash))) {
    errors.push(invalid(field, text.slice(0, slash), message))
  }
  const path = text.slice(slash + 1)
  if (!URL_PATH.test(path)) errors.push(invalid(field, path, patternMessage('Invalid path', URL_PATH_RULE)))
}

const URL_PATH_RULE = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+"
const URL_PATH = new RegExp(`^${URL_PATH_RULE}$`)

export function validateIngressClassUpdate(object: IngressClass, old: IngressClass): FieldError[] {
  const errors: Errors = []
  checkImmutable(errors, 'spec.controller', object.spec.controller ?? '', old.spec.controller ?? '')
  push(errors, validateIngressClass(object))
  return errors
}
