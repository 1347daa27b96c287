import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import type { Client } from '@canopus/client'
import { isRunning } from '@canopus/platform'
import type { ClusterConfig } from './config.ts'
import { nodeComponent } from './node-environment.ts'
import { type ClusterProcess, findProcesses, mainProcess, markOf, startedAt } from './processes.ts'

/** The label by which people see which node is the control plane's (kubeadm puts it there too). */
export const CONTROL_PLANE_LABEL = 'node-role.kubernetes.io/control-plane'

/**
 * Why a node is not ready, or nothing where it is: by the word of the kubelet that runs now, which started at `agentStart`
 * (milliseconds since the epoch). What one that ran before has said last is no news of the node.
 */
export function whyNotReady(node: Node | undefined, agentStart: number | undefined): string | undefined {
  const ready = node?.status?.conditions?.find(condition => condition.type === 'Ready')
  if (ready?.status !== 'True') return ready?.message ?? 'not registered yet'
  if (agentStart === undefined) return 'its kubelet does not run yet'
  // heartbeats have whole seconds
  const heard = Date.parse(ready.lastHeartbeatTime ?? '') >= Math.floor(agentStart / 1000) * 1000
  return heard ? undefined : 'its kubelet has not reported yet'
}

/** Asks, again and again, whether all nodes of a cluster are ready; a reason why not otherwise. */
export function nodesReadiness(client: Client, config: ClusterConfig): () => Promise<string | undefined> {
  const agents = new Map<string, ClusterProcess>()
  const agentOf = (name: string): ClusterProcess | undefined => {
    const known = agents.get(name)
    if (known && isRunning(known)) return known
    const found = mainProcess(findProcesses(markOf(config)), nodeComponent(name, 'agent'))
    if (found) agents.set(name, found)
    return found
  }
  return async () => {
    const { items } = await client.resource(Nodes).list()
    for (const { name } of config.nodes) {
      const agent = agentOf(name)
      const reason = whyNotReady(
        items.find(each => each.metadata.name === name),
        agent && startedAt(agent),
      )
      if (reason !== undefined) return `${name}: ${reason}`
    }
    return undefined
  }
}

/**
 * Marks the first node as the one with the control plane. A kubelet may not give itself this label. There is no taint with it:
 * on one machine the node is there for everybody's pods.
 */
export async function markControlPlane(client: Client, config: ClusterConfig): Promise<void> {
  const [first] = config.nodes
  if (first === undefined) return
  const nodes = client.resource(Nodes)
  const node = await nodes.get(first.name)
  if (node.metadata.labels?.[CONTROL_PLANE_LABEL] !== undefined) return
  await nodes.patch(first.name, 'merge', { metadata: { labels: { [CONTROL_PLANE_LABEL]: '' } } })
}
