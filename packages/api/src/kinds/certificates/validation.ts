/** Certificate signing requests (pkg/apis/certificates/validation/validation.go). */
import {
  checkDns1123Label,
  checkDns1123Subdomain,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from '@canopus/apimachinery'
import type { CertificateSigningRequest } from '../../generated/certificates.v1.ts'
import type { StrategyContext, SubresourceStrategy } from '../../kind.ts'
import type { Errors } from '../shared/check.ts'
import { copyField, keepAllButStatus } from '../shared/strategy.ts'

type Request = CertificateSigningRequest

const USAGES = [
  'signing',
  'digital signature',
  'content commitment',
  'key encipherment',
  'key agreement',
  'data encipherment',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
  'any',
  'server auth',
  'client auth',
  'code signing',
  'email protection',
  's/mime',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'timestamping',
  'ocsp signing',
  'microsoft sgc',
  'netscape sgc',
]
const SHORTEST = 600
const LEGACY = 'kubernetes.io/legacy-unknown'
const LONGEST_DOMAIN = 253
const LONGEST_SIGNER = LONGEST_DOMAIN + 1 + LONGEST_DOMAIN + 63 + 1
/** A block at the beginning of a line; what stands before the first and after it does not count (encoding/pem). */
const FIRST_BLOCK = /(?:^|\n)-----BEGIN ([^\n]*?)-----[ \t]*\r?\n[\s\S]*?-----END \1-----/

function isRequest(base64: string): boolean {
  try {
    return FIRST_BLOCK.exec(atob(base64))?.[1] === 'CERTIFICATE REQUEST'
  } catch {
    return false
  }
}

/** Certificates that are there already are not looked at again. */
export function validateRequest({ spec, status }: Request, old?: Request): FieldError[] {
  const errors: Errors = []
  const { request = '', usages = [], signerName = '', expirationSeconds } = spec
  if (!isRequest(request)) errors.push(invalid('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'))
  if (usages.length === 0) errors.push(required('spec.usages'))
  for (const [index, usage] of usages.entries()) {
    const field = `spec.usages[${index}]`
    if (!USAGES.includes(usage)) errors.push(notSupported(field, usage, [...USAGES].sort()))
  }
  for (const [index, usage] of usages.entries()) {
    if (usages.indexOf(usage) < index) errors.push(duplicate(`spec.usages[${index}]`, usage))
  }
  if (signerName === LEGACY) {
    errors.push(invalid('spec.signerName', LEGACY, 'the legacy signerName is not allowed via this API version'))
  } else checkSigner(errors, 'spec.signerName', signerName)
  if (expirationSeconds !== undefined && expirationSeconds < SHORTEST) {
    const text = `may not specify a duration less than ${SHORTEST} seconds (10 minutes)`
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, text))
  }
  checkConditions(errors, status)
  if (status?.certificate && status.certificate !== old?.status?.certificate) {
    checkCertificate(errors, status.certificate)
  }
  return errors
}

/** `example.com/signer`: a domain with a dot, then a path. */
export function checkSigner(errors: Errors, field: string, name: string): void {
  if (name === '') {
    errors.push(required(field))
    return
  }
  const [domain = '', path = '', ...more] = name.split('/')
  if (!name.includes('/') || more.length > 0) {
    const text = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
    errors.push(invalid(field, name, text))
    return
  }
  if (domain.length > LONGEST_DOMAIN) errors.push(tooLong(field, LONGEST_DOMAIN))
  checkLabels(errors, field, domain, checkDns1123Label)
  if (!domain.includes('.')) {
    errors.push(invalid(field, domain, 'should be a domain with at least two segments separated by dots'))
  }
  checkLabels(errors, field, path, checkDns1123Subdomain)
  if (name.length > LONGEST_SIGNER) errors.push(tooLong(field, LONGEST_SIGNER))
}

/** The first part between dots that is no name. */
function checkLabels(errors: Errors, field: string, text: string, rule: (label: string) => string[]): void {
  const bad = text.split('.').find(label => rule(label).length > 0)
  if (bad === undefined) return
  for (const problem of rule(bad)) {
    errors.push(invalid(field, text, `validating label ${JSON.stringify(bad)}: ${problem}`))
  }
}

const BLOCK = /-----BEGIN ([^-\n]*)-----\r?\n([\s\S]*?)-----END \1-----/g

/** One or more PEM blocks of certificates; what is in them is for those who use it. */
function checkCertificate(errors: Errors, base64: string): void {
  const problem = certificateProblem(base64)
  if (problem !== undefined) errors.push(invalid('status.certificate', '<certificate data>', problem))
}

function certificateProblem(base64: string): string | undefined {
  const blocks = [...atob(base64).matchAll(BLOCK)]
  for (const [, type = '', body = ''] of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`
    if (body.includes(':')) return 'no PEM block headers are permitted'
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined
}

function checkConditions(errors: Errors, status: Request['status']): void {
  const seen = new Set<string>()
  for (const [index, { type, status: state }] of (status?.conditions ?? []).entries()) {
    const path = `status.conditions[${index}]`
    if (!type) errors.push(required(`${path}.type`))
    const states = ['Approved', 'Denied', 'Failed'].includes(type) ? ['True'] : ['False', 'True', 'Unknown']
    if (!state) errors.push(required(`${path}.status`))
    else if (!states.includes(state)) errors.push(notSupported(`${path}.status`, state, states))
    const other = type === 'Approved' ? 'Denied' : type === 'Denied' ? 'Approved' : undefined
    if (other !== undefined && seen.has(other)) {
      errors.push(invalid('status.conditions', type, 'Approved and Denied conditions are mutually exclusive'))
    }
    if (seen.has(type)) errors.push(duplicate(`${path}.type`, type))
    seen.add(type)
  }
}

/** The request records who asks; what the client says about that does not count. */
export function prepareForCreate(object: Request, { user }: StrategyContext): void {
  const { spec } = object
  delete spec.username
  delete spec.uid
  delete spec.groups
  delete spec.extra
  if (user === undefined) return
  spec.username = user.name
  if (user.uid) spec.uid = user.uid
  if (user.groups && user.groups.length > 0) spec.groups = [...user.groups]
  if (user.extra && Object.keys(user.extra).length > 0) {
    spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]))
  }
}

const of = ({ status }: Request, type: string) => (status?.conditions ?? []).filter(each => each.type === type)

/** Verdicts are given by `/approval`, certificates by `/status`; neither takes away what was decided. */
function checkKept(errors: Errors, object: Request, old: Request): void {
  for (const type of ['Approved', 'Denied', 'Failed']) {
    if (of(object, type).length >= of(old, type).length) continue
    errors.push(forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`))
  }
}

export function validateStatusUpdate(object: Request, old: Request): FieldError[] {
  const errors = validateRequest(object, old)
  checkKept(errors, object, old)
  for (const type of ['Approved', 'Denied']) {
    if (of(object, type).length <= of(old, type).length) continue
    errors.push(forbidden('status.conditions', `updates may not add a condition of type ${JSON.stringify(type)}`))
  }
  if (old.status?.certificate && object.status?.certificate !== old.status.certificate) {
    errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'))
  }
  return errors
}

/** Fills in the times of conditions; one of the same type and status has been so since then. */
function setTimes({ status }: Request, old: Request, now: string): void {
  for (const condition of status?.conditions ?? []) {
    condition.lastUpdateTime ??= now
    const same = of(old, condition.type).find(each => each.status === condition.status && each.lastTransitionTime)
    condition.lastTransitionTime ??= same?.lastTransitionTime ?? now
  }
}

/** Verdicts stay word for word as they were given. */
export function prepareForStatusUpdate(object: Request, old: Request, context?: StrategyContext): void {
  for (const type of ['Approved', 'Denied']) {
    const before = of(old, type)
    if (before.length !== of(object, type).length) continue
    let next = 0
    const conditions = object.status?.conditions?.map(each => (each.type === type ? { ...before[next++]! } : each))
    if (conditions !== undefined) object.status!.conditions = conditions
  }
  if (context !== undefined) setTimes(object, old, context.now)
}

export const approval: SubresourceStrategy<Request> = {
  prepareForUpdate(object, old, { now }) {
    keepAllButStatus(object, old)
    setTimes(object, old, now)
    const conditions = object.status?.conditions
    const { conditions: _, ...others } = old.status ?? {}
    object.status = { ...others, ...(conditions !== undefined && { conditions }) }
    if (conditions === undefined && old.status === undefined) copyField(object, old, 'status')
  },
  validateUpdate(object, old) {
    const errors = validateRequest(object, old)
    checkKept(errors, object, old)
    return errors
  },
}
