import { ClusterRoleBindings, ClusterRoles, EndpointSlices, Nodes, Services } from '@canopus/api'
import type { Node, Service } from '@canopus/api/core/v1'
import type { EndpointSlice } from '@canopus/api/discovery/v1'
import { type Draft, hasReason, type KubeObject } from '@canopus/apimachinery'
import type { ResourceClient } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, mapped, primary } from '@canopus/operator'

export interface ClusterDnsOptions {
  /** Address of the service that pods ask. */
  address: string
  /** Port on which every node's DNS listens. */
  port: number
}

const NAMESPACE = 'kube-system'
const NAME = 'kube-dns'
const LABELS = { 'k8s-app': NAME, 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' }
const PORTS = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
]

/**
 * Keeps the service `kube-system/kube-dns`, under whose address every node's own DNS answers: one slice per node with the
 * node's address, and traffic that stays on the node. Tools look for the service under this name and these labels.
 */
export function createClusterDnsController(context: ControllerContext, options: ClusterDnsOptions): Controller {
  const nodes = context.informers.informer(Nodes)
  const slices = context.informers.informer(EndpointSlices)
  return defineController(context, {
    name: 'cluster-dns',
    triggers: [primary(Nodes), mapped(EndpointSlices, slice => nodeOfSlice(slice))],
    initialKeys: [''],
    async reconcile(key) {
      if (key === '') await Promise.all([ensureService(context, options), ensureAccess(context)])
      else await reconcileSlice(context, nodes.lister.get(key), slices.lister.get(sliceName(key), NAMESPACE), options)
      return undefined
    },
  })
}

const sliceName = (node: string): string => `${NAME}-${node}`

function nodeOfSlice(slice: EndpointSlice): string[] {
  const { name, namespace } = slice.metadata
  return namespace === NAMESPACE && name.startsWith(`${NAME}-`) ? [name.slice(NAME.length + 1)] : []
}

/** The user as whom the DNS of every node reads what it answers from. */
export const DNS_USER = 'system:canopus:dns'

async function ensureAccess(context: ControllerContext): Promise<void> {
  const rules = [
    { apiGroups: [''], resources: ['services', 'namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ]
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: DNS_USER }
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: DNS_USER }]
  await ensure(context.client.resource(ClusterRoles), { metadata: { name: DNS_USER }, rules })
  await ensure(context.client.resource(ClusterRoleBindings), { metadata: { name: DNS_USER }, roleRef, subjects })
}

/** Creates what is not there; what is there stays as somebody may have changed it. */
async function ensure<T extends KubeObject>(client: ResourceClient<T>, draft: Draft<T>): Promise<void> {
  const { name = '', namespace } = draft.metadata
  try {
    await client.get(name, namespace === undefined ? {} : { namespace })
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
    await client.create(draft)
  }
}

async function ensureService(context: ControllerContext, options: ClusterDnsOptions): Promise<void> {
  const service: Draft<Service> = {
    metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
    spec: {
      type: 'ClusterIP',
      clusterIP: options.address,
      internalTrafficPolicy: 'Local',
      ports: PORTS.map(port => ({ ...port, targetPort: options.port })),
    },
  }
  await ensure(context.client.resource(Services), service)
}

async function reconcileSlice(
  context: ControllerContext,
  node: Node | undefined,
  current: EndpointSlice | undefined,
  options: ClusterDnsOptions,
): Promise<void> {
  const client = context.client.resource(EndpointSlices)
  const wanted = node && sliceFor(node, options)
  if (!wanted) {
    if (current) await client.delete(current.metadata.name, { namespace: NAMESPACE })
    return
  }
  if (!current) await client.create(wanted)
  else if (JSON.stringify([current.endpoints, current.ports]) !== JSON.stringify([wanted.endpoints, wanted.ports]))
    await client.update({ ...current, endpoints: wanted.endpoints ?? [], ports: wanted.ports ?? [] })
}

/** The slice of one node; nothing as long as the node has no address. */
export function sliceFor(node: Node, options: ClusterDnsOptions): Draft<EndpointSlice> | undefined {
  const address = node.status?.addresses?.find(each => each.type === 'InternalIP')?.address
  if (address === undefined) return undefined
  return {
    metadata: {
      name: sliceName(node.metadata.name),
      namespace: NAMESPACE,
      labels: {
        'kubernetes.io/service-name': NAME,
        'endpointslice.kubernetes.io/managed-by': 'cluster-dns.canopus',
        'k8s-app': NAME,
      },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid }],
    },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: [address],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: node.metadata.name,
      },
    ],
    ports: PORTS.map(port => ({ name: port.name, port: options.port, protocol: port.protocol })),
  }
}
