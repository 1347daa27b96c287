/** Network policies (pkg/apis/networking/validation/validation.go). */
import {
  checkPortName,
  checkPortNumber,
  type FieldError,
  forbidden,
  invalid,
  maskedBytes,
  notSupported,
  parseCidr,
  required,
  validateCidr,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../generated/networking.v1.ts'
import { PROTOCOLS } from '../core/pod/validate-container.ts'
import { checkNumber, checkText, type Errors, push } from '../shared/check.ts'

const TYPES = ['Ingress', 'Egress']

/** Ranges that were in the old policy pass, wherever they are now. */
export function validateNetworkPolicy({ spec }: NetworkPolicy, old?: NetworkPolicy): FieldError[] {
  const errors: Errors = []
  const before = rangesOf(old)
  push(errors, validateLabelSelector(spec.podSelector, 'spec.podSelector'))
  for (const [index, { ports = [], from = [] }] of (spec.ingress ?? []).entries()) {
    checkRule(errors, `spec.ingress[${index}]`, ports, from, 'from', before)
  }
  for (const [index, { ports = [], to = [] }] of (spec.egress ?? []).entries()) {
    checkRule(errors, `spec.egress[${index}]`, ports, to, 'to', before)
  }
  const types = spec.policyTypes ?? []
  if (types.length > 2) {
    errors.push(invalid('spec.policyTypes', types, 'may not specify more than two policyTypes'))
    return errors
  }
  for (const [index, type] of types.entries()) {
    if (!TYPES.includes(type)) errors.push(notSupported(`spec.policyTypes[${index}]`, type, TYPES))
  }
  return errors
}

function rangesOf(policy: NetworkPolicy | undefined): string[] {
  const { ingress = [], egress = [] } = policy?.spec ?? {}
  const peers = [...ingress.flatMap(({ from = [] }) => from), ...egress.flatMap(({ to = [] }) => to)]
  return peers.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr, ...(ipBlock.except ?? [])] : []))
}

function checkRule(
  errors: Errors,
  path: string,
  ports: readonly NetworkPolicyPort[],
  peers: readonly NetworkPolicyPeer[],
  direction: string,
  before: readonly string[],
): void {
  for (const [index, port] of ports.entries()) checkPort(errors, `${path}.ports[${index}]`, port)
  for (const [index, peer] of peers.entries()) checkPeer(errors, `${path}.${direction}[${index}]`, peer, before)
}

function checkPort(errors: Errors, path: string, { protocol, port, endPort }: NetworkPolicyPort): void {
  if (protocol !== undefined && !PROTOCOLS.includes(protocol)) {
    errors.push(notSupported(`${path}.protocol`, protocol, ['TCP', 'UDP', 'SCTP']))
  }
  if (port === undefined) {
    if (endPort !== undefined) {
      errors.push(invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is not specified'))
    }
  } else if (typeof port === 'string') {
    if (endPort !== undefined) {
      errors.push(invalid(`${path}.endPort`, endPort, 'may not be specified when `port` is non-numeric'))
    }
    checkText(errors, `${path}.port`, port, checkPortName)
  } else {
    checkNumber(errors, `${path}.port`, port, checkPortNumber)
    if (endPort === undefined) return
    // Upstream shows the port here.
    if (endPort < port) errors.push(invalid(`${path}.endPort`, port, 'must be greater than or equal to `port`'))
    checkNumber(errors, `${path}.endPort`, endPort, checkPortNumber)
  }
}

function checkPeer(errors: Errors, path: string, peer: NetworkPolicyPeer, before: readonly string[]): void {
  const { podSelector, namespaceSelector, ipBlock } = peer
  push(errors, validateLabelSelector(podSelector, `${path}.podSelector`))
  push(errors, validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`))
  if (ipBlock) checkBlock(errors, `${path}.ipBlock`, ipBlock, before)
  if (!podSelector && !namespaceSelector && !ipBlock) errors.push(required(path, 'must specify a peer'))
  else if (ipBlock && (podSelector || namespaceSelector)) {
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'))
  }
}

function checkBlock(errors: Errors, path: string, { cidr, except = [] }: IPBlock, before: readonly string[]): void {
  if (!cidr) {
    errors.push(required(`${path}.cidr`))
    return
  }
  push(errors, validateCidr(`${path}.cidr`, cidr, before))
  const outer = parseCidr(cidr)
  if (outer === undefined) return
  for (const [index, each] of except.entries()) {
    const field = `${path}.except[${index}]`
    push(errors, validateCidr(field, each, before))
    const inner = parseCidr(each)
    if (inner === undefined) continue
    const within = maskedBytes({ bytes: inner.bytes, length: Math.min(outer.length, inner.bytes.length * 8) })
    const network = maskedBytes(outer)
    const inside = within.length === network.length && within.every((byte, i) => byte === network[i])
    if (!inside || inner.length <= outer.length) errors.push(invalid(field, each, 'must be a strict subset of `cidr`'))
  }
}
