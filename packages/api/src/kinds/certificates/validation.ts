/** Certificate signing requests (pkg/apis/certificates/validation/validation.go). */
import {
  checkDns1123Subdomain,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '@canopus/apimachinery'
import type { CertificateSigningRequest } from '../../generated/certificates.v1.ts'
import type { StrategyContext, SubresourceStrategy } from '../../kind.ts'
import { checkText, type Errors } from '../shared/check.ts'
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
const PEM = /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----[\s\S]+-----END (?:NEW )?CERTIFICATE REQUEST-----\s*$/

function isPem(base64: string): boolean {
  try {
    return PEM.test(atob(base64))
  } catch {
    return false
  }
}

export function validateRequest({ spec, status }: Request): FieldError[] {
  const errors: Errors = []
  const { request = '', usages = [], signerName = '', expirationSeconds } = spec
  if (usages.length === 0) errors.push(required('spec.usages'))
  for (const [index, usage] of usages.entries()) {
    const field = `spec.usages[${index}]`
    if (!USAGES.includes(usage)) errors.push(notSupported(field, usage, [...USAGES].sort()))
    if (usages.indexOf(usage) < index) errors.push(duplicate(field, usage))
  }
  if (!isPem(request)) errors.push(invalid('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'))
  checkSigner(errors, 'spec.signerName', signerName)
  if (expirationSeconds !== undefined && expirationSeconds < SHORTEST) {
    const text = `may not specify a duration less than ${SHORTEST} seconds (10 minutes)`
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, text))
  }
  checkConditions(errors, status)
  return errors
}

/** `example.com/signer`: a domain with a dot, then a path. */
export function checkSigner(errors: Errors, field: string, name: string): void {
  if (name === '') {
    errors.push(required(field))
    return
  }
  const [domain = '', ...rest] = name.split('/')
  if (rest.length === 0) {
    errors.push(invalid(field, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"'))
    return
  }
  checkText(errors, field, domain, checkDns1123Subdomain)
  if (!domain.includes('.')) {
    errors.push(invalid(field, domain, 'should be a domain with at least two segments separated by dots'))
  }
  const path = rest.join('/')
  if (path === '') errors.push(invalid(field, path, 'validating label signer path: must be non-empty'))
}

function checkConditions(errors: Errors, status: Request['status']): void {
  const seen = new Set<string>()
  for (const [index, { type, status: state }] of (status?.conditions ?? []).entries()) {
    const path = `status.conditions[${index}]`
    if (!type) errors.push(required(`${path}.type`))
    if (!state) errors.push(required(`${path}.status`))
    else if (state !== 'True' && ['Approved', 'Denied', 'Failed'].includes(type)) {
      errors.push(notSupported(`${path}.status`, state, ['True']))
    }
    if (seen.has(type)) errors.push(duplicate(`${path}.type`, type))
    seen.add(type)
  }
  if (seen.has('Approved') && seen.has('Denied')) {
    errors.push(invalid('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive'))
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

/** Verdicts are given by `/approval`, certificates by `/status`; neither takes away what was decided. */
function checkKept(errors: Errors, object: Request, old: Request, types: readonly string[]): void {
  for (const type of types) {
    const has = ({ status }: Request): boolean => status?.conditions?.some(each => each.type === type) ?? false
    if (!has(old) || has(object)) continue
    errors.push(forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`))
  }
}

export function validateStatusUpdate(object: Request, old: Request): FieldError[] {
  const errors = validateRequest(object)
  checkKept(errors, object, old, ['Approved', 'Denied', 'Failed'])
  for (const type of ['Approved', 'Denied']) {
    const has = ({ status }: Request): boolean => status?.conditions?.some(each => each.type === type) ?? false
    if (has(old) || !has(object)) continue
    errors.push(forbidden('status.conditions', `updates may not add a condition of type ${JSON.stringify(type)}`))
  }
  if (old.status?.certificate && object.status?.certificate !== old.status.certificate) {
    errors.push(forbidden('status.certificate', 'updates may not set certificate content that has been set'))
  }
  return errors
}

export const approval: SubresourceStrategy<Request> = {
  prepareForUpdate(object, old, { now }) {
    keepAllButStatus(object, old)
    const conditions = object.status?.conditions
    object.status = { ...old.status, ...(conditions !== undefined && { conditions }) }
    for (const condition of object.status.conditions ?? []) {
      condition.lastUpdateTime ??= now
      condition.lastTransitionTime ??= now
    }
    if (conditions === undefined) copyField(object, old, 'status')
  },
  validateUpdate(object, old) {
    const errors = validateRequest(object)
    checkKept(errors, object, old, ['Approved', 'Denied', 'Failed'])
    return errors
  },
}
