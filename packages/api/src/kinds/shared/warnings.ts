/** Likely mistakes that several kinds share (k8s.io/kubernetes/pkg/api/node/util.go, apimachinery's validation/ip.go). */
import {
  checkDns1123Label,
  checkLabelValue,
  formatIp,
  type KubeObject,
  milliValue,
  parseIp,
} from '@canopus/apimachinery'
import type { NodeSelectorTerm } from '../../generated/core.v1.ts'

const NODE_LABELS: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  'app.kubernetes.io/created-by': 'deprecated since v1.9',
  'scheduler.alpha.kubernetes.io/preferAvoidPods': 'deprecated since v1.22; use Taints and Tolerations instead',
  'node-role.kubernetes.io/master': 'use "node-role.kubernetes.io/control-plane" instead',
}

/** What is to be said of a label of nodes that has gone out of use; nothing of others. */
export const nodeLabelDeprecation = (key: string): string | undefined =>
  Object.hasOwn(NODE_LABELS, key) ? NODE_LABELS[key] : undefined

/** Old labels in one term of a node selector, and values that no label can have where they are not refused. */
export function nodeTermWarnings(path: string, term: NodeSelectorTerm | undefined, checkValues: boolean): string[] {
  const warnings: string[] = []
  for (const [index, { key, values = [] }] of (term?.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`
    const old = nodeLabelDeprecation(key)
    if (old !== undefined) warnings.push(`${at}.key: ${key} is ${old}`)
    if (!checkValues) continue
    for (const [i, value] of values.entries()) {
      for (const problem of checkLabelValue(value)) warnings.push(`${at}.values[${i}]: ${value} is invalid, ${problem}`)
    }
  }
  return warnings
}

/** Names that make poor host names; `used` says where they end up. */
export function hostNameWarnings(name: string, used: string): string[] {
  const problems = checkDns1123Label(name)
  if (problems.length === 0) return []
  const start = `metadata.name: this is used in ${used}, which can result in surprising behavior`
  return [`${start}; a DNS label is recommended: [${problems.join(' ')}]`]
}

/** Storage, memory and the like come in whole bytes. */
export function fractionWarnings(path: string, amounts: Readonly<Record<string, string>> | undefined, name: string) {
  const amount = amounts?.[name]
  if (amount === undefined || milliValue(amount) % 1000 === 0) return []
  return [`${path}[${name}]: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`]
}

const isStrange = (text: string): boolean => /^::ffff:[0-9.]+$/i.test(text) || /(^|\.)0[0-9]/.test(text)

/** IP addresses that not every program reads alike. */
export function ipWarnings(path: string, text: string): string[] {
  const bytes = parseIp(text)
  if (bytes === undefined) return []
  const canonical = formatIp(bytes)
  if (isStrange(text) || (text.includes(':') && !canonical.includes(':'))) {
    return [`${path}: non-standard IP address ${JSON.stringify(text)} is invalid: use ${JSON.stringify(canonical)}`]
  }
  if (!text.includes(':') || canonical === text) return []
  const form = `should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`
  return [`${path}: IPv6 address ${JSON.stringify(text)} ${form}`]
}

interface Balanced extends KubeObject {
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } }
}

/** The addresses that a load balancer gave. */
export const balancerWarnings = ({ status }: Balanced): string[] =>
  (status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }, index) =>
    ipWarnings(`status.loadBalancer.ingress[${index}]`, ip),
  )

/** The same for ranges, which should also name nothing behind their prefix. */
export function cidrWarnings(path: string, text: string): string[] {
  const [address = '', length = ''] = text.split('/')
  const bytes = parseIp(address)
  const bits = Number(length)
  if (bytes === undefined || !/^[0-9]+$/.test(length) || bits > bytes.length * 8) return []
  const masked = bytes.map((byte, index) => byte & ((0xff << Math.max(0, 8 - Math.max(0, bits - index * 8))) & 0xff))
  const network = `${formatIp(masked)}/${bits}`
  const warnings: string[] = []
  if (masked.some((byte, index) => byte !== bytes[index])) {
    const single = `${formatIp(bytes)}/${bytes.length * 8}`
    const choice = `(should be ${JSON.stringify(network)} or ${JSON.stringify(single)}?)`
    warnings.push(`${path}: CIDR value ${JSON.stringify(text)} is ambiguous in this context ${choice}`)
  }
  if (isStrange(address)) {
    warnings.push(`${path}: non-standard CIDR value ${JSON.stringify(text)} is invalid: use ${JSON.stringify(network)}`)
  }
  if (warnings.length === 0 && address.includes(':') && network !== text) {
    const form = `should be in RFC 5952 canonical format (${JSON.stringify(network)})`
    warnings.push(`${path}: IPv6 CIDR value ${JSON.stringify(text)} ${form}`)
  }
  return warnings
}
