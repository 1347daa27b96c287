/**
 * Removes nodes whose machine is gone from the cloud, and taints those whose machine is switched off
 * (k8s.io/cloud-provider controllers/nodelifecycle).
 */
import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { hasReason, isConditionTrue } from '@canopus/apimachinery'
import { messageOf, sleep } from '@canopus/base'
import type { Controller, ControllerContext } from '@canopus/operator'
import type { Instances } from './provider.ts'

export const SHUTDOWN = 'node.cloudprovider.kubernetes.io/shutdown'
/** `--node-monitor-period`, in milliseconds. */
const PERIOD = 5_000

export type NodeVerdict = 'keep' | 'delete' | 'taint' | 'untaint'

/** What to do with a node, by what the cloud says of its machine; a node that is ready is not asked about. */
export function judgeNode(node: Node, machine: { exists: boolean; isShutDown: boolean } | undefined): NodeVerdict {
  const tainted = (node.spec?.taints ?? []).some(taint => taint.key === SHUTDOWN && taint.effect === 'NoSchedule')
  if (isConditionTrue(node.status?.conditions, 'Ready')) return tainted ? 'untaint' : 'keep'
  if (machine === undefined) return 'keep'
  if (!machine.exists) return 'delete'
  return machine.isShutDown && !tainted ? 'taint' : 'keep'
}

export function createCloudNodeLifecycleController(context: ControllerContext, instances: Instances): Controller {
  const nodes = context.informers.informer(Nodes)
  const logger = context.logger.child({ controller: 'cloud-node-lifecycle-controller' })

  async function look(node: Node): Promise<void> {
    if (isConditionTrue(node.status?.conditions, 'Ready')) return act(context, node, judgeNode(node, undefined))
    const exists = await instances.exists(node)
    const isShutDown = exists && (await instances.isShutDown(node))
    return act(context, node, judgeNode(node, { exists, isShutDown }))
  }

  return {
    name: 'cloud-node-lifecycle-controller',
    async run(signal) {
      try {
        await nodes.waitForSync(signal)
        while (!signal.aborted) {
          for (const node of nodes.lister.list()) {
            await look(node).catch(error =>
              logger.warn('could not look after a node', { node: node.metadata.name, error }),
            )
          }
          await sleep(context.clock, PERIOD, signal)
        }
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
  }
}

async function act({ client, clock, events }: ControllerContext, node: Node, verdict: NodeVerdict): Promise<void> {
  const { name, uid, resourceVersion } = node.metadata
  const taints = (node.spec?.taints ?? []).filter(taint => taint.key !== SHUTDOWN || taint.effect !== 'NoSchedule')
  const write = async (next: typeof taints): Promise<void> => {
    await client.resource(Nodes).patch(name, 'merge', { metadata: { uid, resourceVersion }, spec: { taints: next } })
  }
  switch (verdict) {
    case 'keep':
      return
    case 'untaint':
      return write(taints)
    case 'taint': {
      const timeAdded = new Date(clock.now()).toISOString()
      return write([...taints, { key: SHUTDOWN, effect: 'NoSchedule', timeAdded }])
    }
    case 'delete': {
      const text = `Deleting node ${name} because it does not exist in the cloud provider`
      events.event(node, 'Normal', 'DeletingNode', text)
      try {
        await client.resource(Nodes).delete(name, { body: { preconditions: { uid } } })
      } catch (error) {
        if (hasReason(error, 'NotFound')) return
        const why = messageOf(error)
        events.event(node, 'Warning', 'DeletingNodeFailed', `Failed deleting node ${name}: ${why}`)
        throw error
      }
    }
  }
}
