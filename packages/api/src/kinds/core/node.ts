import type { Node, NodeStatus } from '../../generated/core.v1.ts'
import { Nodes } from '../../resources.ts'
import { ageColumn, nameColumn, of, text, wide } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { cidrWarnings } from '../shared/warnings.ts'
import { validateNode, validateNodeStatusUpdate, validateNodeUpdate } from './node-validation.ts'

const NO_INFO = {
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: '',
  osImage: '',
  containerRuntimeVersion: '',
  kubeletVersion: '',
  kubeProxyVersion: '',
  operatingSystem: '',
  architecture: '',
}

/** Nodes may be made with their status: the kubelet registers itself so. */
function bornStatus(node: Node): NodeStatus {
  const status = node.status ?? {}
  const { config: _config, ...own } = status
  return { daemonEndpoints: { kubeletEndpoint: { Port: 0 } }, nodeInfo: NO_INFO, ...own }
}

function defaultNode(node: Node): void {
  node.spec ??= {}
  pairPodCidrs(node)
  if (node.status?.capacity !== undefined) node.status.allocatable ??= { ...node.status.capacity }
}

/** `podCIDR` is the first of `podCIDRs`. */
function pairPodCidrs({ spec }: Node): void {
  if (spec.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR]
  else if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0]
}

function statusText({ spec, status }: Node): string {
  const ready = status?.conditions?.findLast(each => each.type === 'Ready')
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
  return spec.unschedulable ? `${word},SchedulingDisabled` : word
}

const ROLE_PREFIX = 'node-role.kubernetes.io/'

function rolesText({ metadata }: Node): string {
  const roles = new Set<string>()
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX)) {
      if (key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length))
    } else if (key === 'kubernetes.io/role' && value !== '') roles.add(value)
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',')
}

function kernelText({ status }: Node): string {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {}
  return `${kernelVersion || '<unknown>'}${architecture ? ` (${architecture})` : ''}`
}

const address = (node: Node, type: string): string =>
  node.status?.addresses?.find(each => each.type === type)?.address ?? '<none>'

function warnings({ spec }: Node): string[] {
  const found: string[] = []
  if (spec.configSource) found.push('spec.configSource: the feature is removed')
  if (spec.externalID) found.push('spec.externalID: this field is deprecated, and is unused by Kubernetes')
  return [...found, ...(spec.podCIDRs ?? []).flatMap((cidr, i) => cidrWarnings(`spec.podCIDRs[${i}]`, cidr))]
}

export const NodeKind = defineKind<Node>({
  type: Nodes,
  message: 'core.v1.Node',
  storagePrefix: 'minions',
  strategy: strategyOf(
    { status: bornStatus },
    {
      default: defaultNode,
      warnings,
      prepareForCreate(node) {
        delete node.spec.configSource
      },
      prepareForUpdate(node, old) {
        pairPodCidrs(node)
        if (old.spec.configSource === undefined) delete node.spec.configSource
      },
      prepareForStatusUpdate({ status }, old) {
        if (old.status?.config === undefined) delete status?.config
      },
      validate: validateNode,
      validateUpdate: validateNodeUpdate,
      validateStatusUpdate: validateNodeStatusUpdate,
    },
  ),
  columns: [
    nameColumn,
    text('Status', 'The status of the node', statusText),
    text('Roles', 'The roles of the node', rolesText),
    ageColumn,
    text('Version', of('core.v1.NodeSystemInfo.kubeletVersion'), node => node.status?.nodeInfo?.kubeletVersion ?? ''),
    wide('Internal-IP', of('core.v1.NodeStatus.addresses'), node => address(node, 'InternalIP')),
    wide('External-IP', of('core.v1.NodeStatus.addresses'), node => address(node, 'ExternalIP')),
    wide('OS-Image', of('core.v1.NodeSystemInfo.osImage'), node => node.status?.nodeInfo?.osImage || '<unknown>'),
    wide('Kernel-Version', of('core.v1.NodeSystemInfo.kernelVersion'), kernelText),
    wide(
      'Container-Runtime',
      of('core.v1.NodeSystemInfo.containerRuntimeVersion'),
      node => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    ),
  ],
  selectableFields: { 'spec.unschedulable': node => String(node.spec.unschedulable ?? false) },
})
