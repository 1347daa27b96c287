import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '@canopus/cri'
import { namesIn } from '@canopus/platform'
import type { Services } from '../services.ts'
import type { ContainerRecord, PodRuntime } from './pod-runtime.ts'

/** A container is not thought dead weight before this age, in milliseconds. */
const LEAST_AGE = 60_000

/**
 * Which containers are of no use any more: of each name the newest stays, and the one before it, whose log and state are
 * still asked for (upstream pkg/kubelet/kuberuntime/kuberuntime_gc.go keeps one dead container per name).
 */
export function deadContainers(runtime: PodRuntime, now: number): ContainerRecord[] {
  const kept = new Map<string, number>()
  return runtime.containers.filter(record => {
    const dead = record.state === 'exited' || record.state === 'unknown'
    const count = kept.get(record.name) ?? 0
    kept.set(record.name, count + 1)
    return dead && count >= 2 && now - record.createdAt > LEAST_AGE
  })
}

/** Sandboxes that are down, are not the newest and hold no container. */
export function deadSandboxes(runtime: PodRuntime): string[] {
  return runtime.sandboxes
    .slice(1)
    .filter(sandbox => !sandbox.ready && !runtime.containers.some(record => record.sandboxId === sandbox.id))
    .map(sandbox => sandbox.id)
}

/** Removes dead containers and sandboxes of pods that live, and what is left on disk of pods that do not. */
export async function collectGarbage(
  services: Services,
  isKnown: (uid: string) => boolean,
  root: string,
): Promise<void> {
  for (const runtime of [...services.view.all()]) {
    for (const record of deadContainers(runtime, services.clock.now())) {
      await quietly(() => services.cri.removeContainer({ containerId: record.id }))
      if (record.logPath !== '') await removeLogs(record.logPath)
    }
    for (const podSandboxId of deadSandboxes(runtime))
      await quietly(() => services.cri.removePodSandbox({ podSandboxId }))
  }
  const isLeft = (uid: string): boolean => !isKnown(uid) && services.view.get(uid) === undefined
  for (const uid of namesIn(join(root, 'pods')).filter(isLeft)) await services.volumes.remove(uid)
  for (const uid of services.cgroups.pods().filter(isLeft)) services.cgroups.remove(uid)
  for (const name of namesIn(services.logs)) {
    const uid = name.split('_')[2]
    if (uid !== undefined && isLeft(uid)) await rm(join(services.logs, name), { recursive: true, force: true })
  }
}

async function removeLogs(path: string): Promise<void> {
  const directory = path.slice(0, path.lastIndexOf('/'))
  const name = path.slice(directory.length + 1)
  for (const file of namesIn(directory))
    if (file === name || file.startsWith(`${name}.`)) await rm(join(directory, file), { force: true })
}

async function quietly(effect: () => Promise<unknown>): Promise<void> {
  try {
    await effect()
  } catch (error) {
    if (!hasCode(error, 'NOT_FOUND')) throw error
  }
}
