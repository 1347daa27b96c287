/** Nodes (validation.go: ValidateNode, ValidateNodeUpdate). Upstream looks for taints under `metadata`; clients see that path. */
import {
  checkLabelValue,
  checkQualifiedName,
  duplicate,
  type FieldError,
  forbidden,
  internalFieldError,
  invalid,
  parseCidr,
  validateCidr,
} from '@canopus/apimachinery'
import type { Node, Taint } from '../../generated/core.v1.ts'
import { goJson } from '../../go-json.ts'
import { checkText, type Errors, fieldError, NOT_POSITIVE_MESSAGE, push } from '../shared/check.ts'
import { checkAmount } from '../shared/resource-names.ts'
import { checkTaintEffect } from './pod/validate-affinity.ts'

function checkTaints(errors: Errors, path: string, taints: readonly Taint[]): void {
  const seen = new Set<string>()
  for (const [index, taint] of taints.entries()) {
    const at = `${path}[${index}]`
    checkText(errors, `${at}.key`, taint.key ?? '', checkQualifiedName)
    const messages = checkLabelValue(taint.value ?? '')
    if (messages.length > 0) errors.push(invalid(`${at}.value`, taint.value, messages.join(';')))
    checkTaintEffect(errors, `${at}.effect`, taint.effect)
    const key = `${taint.effect} ${taint.key}`
    if (seen.has(key)) {
      const { body } = duplicate(at, goJson('core.v1.Taint', taint))
      errors.push(fieldError('FieldValueDuplicate', at, `${body}: taints must be unique by key and effect pair`))
    }
    seen.add(key)
  }
}

function checkAmounts(errors: Errors, { status }: Node): void {
  for (const list of ['capacity', 'allocatable'] as const) {
    for (const [name, amount] of Object.entries(status?.[list] ?? {})) {
      checkAmount(errors, `status.${list}.${name}`, name, amount)
    }
  }
}

export function validateNode(node: Node): FieldError[] {
  const errors: Errors = []
  checkTaints(errors, 'metadata.taints', node.spec.taints ?? [])
  checkAmounts(errors, node)
  checkSwap(errors, node)
  checkFeatures(errors, node.status?.declaredFeatures)
  checkCidrs(errors, node.spec.podCIDRs)
  return errors
}

/** Upstream looks for it under `metadata`, too. */
function checkSwap(errors: Errors, { status }: Node): void {
  const capacity = status?.nodeInfo?.swap?.capacity
  if (capacity === undefined || capacity > 0) return
  errors.push(invalid('metadata.nodeSwapStatus.capacity', capacity, NOT_POSITIVE_MESSAGE))
}

function checkCidrs(errors: Errors, cidrs: readonly string[] = []): void {
  for (const [index, cidr] of cidrs.entries()) push(errors, validateCidr(`spec.podCIDRs[${index}]`, cidr))
  if (cidrs.length < 2) return
  const wrong = cidrs.findIndex(cidr => parseCidr(cidr) === undefined)
  if (wrong >= 0) {
    const why = `invalid CIDR[${wrong}]: <nil> (invalid CIDR address: ${cidrs[wrong]})`
    const text = `invalid PodCIDRs. failed to check with dual stack with error:${why}`
    errors.push(internalFieldError('spec.podCIDRs', text))
  }
  const families = new Set(cidrs.map(cidr => cidr.includes(':')))
  if (wrong >= 0 || families.size !== 2 || cidrs.length > 2) {
    errors.push(invalid('spec.podCIDRs', cidrs, 'may specify no more than one CIDR for each IP family'))
  }
}

const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/
const LONGEST_FEATURE = 253

/** What a kubelet says it can do, in order (KEP-5328). */
function checkFeatures(errors: Errors, features: readonly string[] = []): void {
  for (const [index, name] of features.entries()) {
    const field = `status.declaredFeatures[${index}]`
    const problem = featureProblem(name)
    if (problem !== undefined) {
      errors.push(invalid(field, name, `invalid feature name ${JSON.stringify(name)}: ${problem}`))
    }
    const next = features[index + 1]
    if (next === undefined) continue
    const after = `status.declaredFeatures[${index + 1}]`
    if (next === name) errors.push(duplicate(after, next))
    else if (name > next) errors.push(invalid(after, next, 'list must be sorted alphabetically'))
  }
}

function featureProblem(name: string): string | undefined {
  if (name.length > LONGEST_FEATURE) return `must be no more than ${LONGEST_FEATURE} characters`
  if (FEATURE.test(name)) return undefined
  const segments = "must start with an UpperCamelCase segment, with subsequent segments separated by '/'"
  return `${segments} (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`
}

/** Of the main resource: what holds of every node, too, which tells some things twice. */
export const validateNodeUpdate = (node: Node, old: Node): FieldError[] => [
  ...validateNode(node),
  ...validateNodeStatusUpdate(node, old),
]

export function validateNodeStatusUpdate(node: Node, old: Node): FieldError[] {
  const errors: Errors = []
  checkAmounts(errors, node)
  checkFeatures(errors, node.status?.declaredFeatures)
  const addresses = node.status?.addresses ?? []
  const seen = new Set<string>()
  for (const [index, address] of addresses.entries()) {
    const key = `${address.type} ${address.address}`
    if (seen.has(key)) errors.push(duplicate(`status.addresses[${index}]`, goJson('core.v1.NodeAddress', address)))
    seen.add(key)
  }
  const cidrs = old.spec.podCIDRs ?? []
  const now = node.spec.podCIDRs ?? []
  const text = 'node updates may not change podCIDR except from "" to valid'
  if (cidrs.length > 0 && cidrs.length !== now.length) errors.push(forbidden('spec.podCIDRs', text))
  else
    for (const [index, cidr] of cidrs.entries()) if (cidr !== now[index]) errors.push(forbidden('spec.podCIDRs', text))
  if (old.spec.providerID && old.spec.providerID !== node.spec.providerID) {
    errors.push(forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'))
  }
  checkTaints(errors, 'metadata.taints', node.spec.taints ?? [])
  if ((node.spec.externalID ?? '') !== (old.spec.externalID ?? '')) {
    errors.push(forbidden('spec.externalID', 'may not be updated'))
  }
  return errors
}
