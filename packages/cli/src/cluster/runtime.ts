import { existsSync } from 'node:fs'
import { type Clock, sleep } from '@canopus/base'
import { type Cri, CriError, connectCri } from '@canopus/cri'
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
      await Promise.all(items.slice(at, at + AT_ONCE).map(sandbox => removePod(cri, sandbox.id, grace, clock)))
    return items.flatMap(sandbox => sandbox.metadata?.uid ?? [])
  } finally {
    cri.close()
  }
}

/**
 * What the agent was starting when it ended goes on starting: containerd does not let go of such a container before it runs, and
 * then it has to be stopped.
 */
const PATIENCE_MS = 10_000
const BETWEEN_MS = 100

/** Ends the containers of a pod and removes it. Rejects with what containerd says where that cannot be done in ten seconds. */
export async function removePod(cri: PodRemover, id: string, grace: number, clock: Clock): Promise<void> {
  for (const end = clock.monotonic() + PATIENCE_MS; ; await sleep(clock, BETWEEN_MS)) {
    try {
      return await removeOnce(cri, id, grace)
    } catch (error) {
      if (!(error instanceof CriError) || clock.monotonic() >= end) throw error
    }
  }
}

type PodRemover = Pick<Cri, 'listContainers' | 'stopContainer' | 'stopPodSandbox' | 'removePodSandbox'>

async function removeOnce(cri: PodRemover, id: string, grace: number): Promise<void> {
  const { containers } = await cri.listContainers({ filter: { podSandboxId: id } })
  await Promise.all(
    containers.map(container =>
      cri.stopContainer({ containerId: container.id, timeout: grace }, { deadline: (grace + 10) * 1000 }),
    ),
  )
  await cri.stopPodSandbox({ podSandboxId: id })
  await cri.removePodSandbox({ podSandboxId: id })
}
