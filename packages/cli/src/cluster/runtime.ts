import { existsSync } from 'node:fs'
import type { Clock } from '@canopus/base'
import { type Cri, connectCri } from '@canopus/cri'
import { type ClusterConfig, type NodeConfig, pathsOf } from './config.ts'

/** Pods that are taken down side by side: more would only wait for the kernel. */
const AT_ONCE = 8

/** Ends all containers of a node, giving them `grace` seconds, and removes its pods. Returns the pods' uids. */
export async function removeAllPods(
  config: ClusterConfig,
  node: NodeConfig,
  grace: number,
  clock: Clock,
): Promise<string[]> {
  const { containerdSocket } = pathsOf(config).node(node.name)
  if (!existsSync(containerdSocket)) return []
  const cri = connectCri(containerdSocket, clock)
  try {
    const { items } = await cri.listPodSandbox()
    for (let at = 0; at < items.length; at += AT_ONCE)
      await Promise.all(items.slice(at, at + AT_ONCE).map(sandbox => removePod(cri, sandbox.id, grace)))
    return items.flatMap(sandbox => sandbox.metadata?.uid ?? [])
  } finally {
    cri.close()
  }
}

async function removePod(cri: Cri, id: string, grace: number): Promise<void> {
  const { containers } = await cri.listContainers({ filter: { podSandboxId: id } })
  await Promise.all(
    containers.map(container =>
      cri.stopContainer({ containerId: container.id, timeout: grace }, { deadline: (grace + 10) * 1000 }),
    ),
  )
  await cri.stopPodSandbox({ podSandboxId: id })
  await cri.removePodSandbox({ podSandboxId: id })
}
