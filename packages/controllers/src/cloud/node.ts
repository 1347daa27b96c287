/**
 * Tells the cluster what a cloud knows of its nodes: a node that comes with the taint `uninitialized` gets its name in the cloud, labels and
 * addresses, and is open for pods then; addresses are looked at again and again. Behaviour: k8s.io/cloud-provider controllers/node.
 */
import { Nodes } from '@canopus/api'
import type { Node, NodeAddress } from '@canopus/api/core/v1'
import { messageOf } from '@canopus/base'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'
import type { InstanceMetadata, Instances } from './provider.ts'

export const UNINITIALIZED = 'node.cloudprovider.kubernetes.io/uninitialized'
/** The address that the kubelet was told to use, or two of them by comma. */
const PROVIDED_IP = 'alpha.kubernetes.io/provided-node-ip'
/** How often a node's addresses are asked for, in milliseconds (`--node-status-update-frequency`). */
const ADDRESSES_EVERY = 5 * 60_000

/** Labels by their older names, which count, and their present ones. */
const LABELS = [
  ['failure-domain.beta.kubernetes.io/zone', 'topology.kubernetes.io/zone'],
  ['failure-domain.beta.kubernetes.io/region', 'topology.kubernetes.io/region'],
  ['beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type'],
] as const
const KUBERNETES_NAME = /(^|\.)(kubernetes|k8s)\.io\//

export const isUninitialized = ({ spec }: Node): boolean =>
  (spec?.taints ?? []).some(taint => taint.key === UNINITIALIZED)

/** The node as it is once it is known to the cloud. Throws where the address it was told to use is not one of the machine's. */
export function initialized(node: Node, machine: InstanceMetadata): Node {
  const providerID = node.spec?.providerID || machine.providerId
  if (!providerID) throw new Error(`cloud provider does not set node provider ID for node ${node.metadata.name}`)
  try {
    addressesFor(node, machine.addresses)
  } catch (error) {
    const text = messageOf(error)
    throw new Error(`provided node ip for node ${JSON.stringify(node.metadata.name)} is not valid: ${text}`)
  }
  const labels = { ...node.metadata.labels }
  for (const [index, value] of [machine.zone, machine.region, machine.instanceType].entries()) {
    if (value) for (const label of LABELS[index]!) labels[label] = value
  }
  for (const [label, value] of Object.entries(machine.labels ?? {})) {
    if (!KUBERNETES_NAME.test(label)) labels[label] ??= value
  }
  const taints = (node.spec?.taints ?? []).filter(taint => taint.key !== UNINITIALIZED)
  return { ...node, metadata: { ...node.metadata, labels }, spec: { ...node.spec, providerID, taints } }
}

/** Labels that an initialized node lacks: the present names follow the older ones. */
export function missingLabels({ metadata: { labels = {} } }: Node): Record<string, string> {
  const missing: Record<string, string> = {}
  for (const [older, present] of LABELS) {
    const value = labels[older]
    if (value !== undefined && labels[present] !== value) missing[present] = value
  }
  return missing
}

/**
 * The addresses that a node should show: the cloud's, with the host name that the kubelet has given where the cloud has none. The
 * address that the kubelet was told to use comes first and is the only one of its type. Throws where the cloud does not have it.
 */
export function addressesFor(node: Node, given: readonly NodeAddress[]): NodeAddress[] {
  const own = given.some(each => each.type === 'Hostname')
    ? []
    : (node.status?.addresses ?? []).filter(each => each.type === 'Hostname')
  const all = [...given, ...own]
  const provided = node.metadata.annotations?.[PROVIDED_IP]
  if (provided === undefined) return all
  const first = provided.split(',').flatMap(ip => {
    const found = all.filter(each => each.address === ip.trim())
    if (found.length === 0) throw new Error(`failed to get node address from cloud provider that matches ip: ${ip}`)
    return found
  })
  return [...first, ...all.filter(each => !first.some(other => other.type === each.type))]
}

const sameAddresses = (a: readonly NodeAddress[], b: readonly NodeAddress[]): boolean =>
  a.length === b.length && b.every(each => a.findLast(other => other.type === each.type)?.address === each.address)

export function createCloudNodeController(context: ControllerContext, instances: Instances): Controller {
  const nodes = context.informers.informer(Nodes)
  const client = context.client.resource(Nodes)

  async function updateAddresses(node: Node, machine: InstanceMetadata): Promise<void> {
    if (machine.addresses.length === 0) return
    const addresses = addressesFor(node, machine.addresses)
    if (sameAddresses(node.status?.addresses ?? [], addresses)) return
    const { uid, name } = node.metadata
    await client.patch(name, 'merge', { metadata: { uid }, status: { addresses } }, { subresource: 'status' })
  }

  async function initialize(node: Node): Promise<void> {
    const machine = await instances.metadata(node)
    if (machine === undefined) return
    const written = await client.update(initialized(node, machine))
    await updateAddresses(written, machine)
    context.events.event(node, 'Normal', 'Synced', 'Node synced successfully')
  }

  /** When a node's addresses were last asked for: what else happens to it is no reason to ask. */
  const askedAt = new Map<string, number>()

  return defineController(context, {
    name: 'cloud-node-controller',
    triggers: [primary(Nodes)],
    async reconcile(name) {
      const node = nodes.lister.get(name)
      if (node === undefined) {
        askedAt.delete(name)
        return undefined
      }
      const now = context.clock.monotonic()
      if (isUninitialized(node)) {
        await initialize(node)
        askedAt.set(name, now)
        return { requeueAfter: ADDRESSES_EVERY }
      }
      const labels = missingLabels(node)
      if (Object.keys(labels).length > 0) await client.patch(name, 'strategic', { metadata: { labels } })
      const left = (askedAt.get(name) ?? now - ADDRESSES_EVERY) + ADDRESSES_EVERY - now
      if (left > 0) return { requeueAfter: left }
      askedAt.set(name, now)
      const machine = await instances.metadata(node)
      if (machine) await updateAddresses(node, machine)
      return { requeueAfter: ADDRESSES_EVERY }
    },
  })
}
