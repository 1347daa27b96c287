import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '@canopus/base'
import { namesIn, startTimeOf, terminate } from '@canopus/platform'
import { type ClusterConfig, type NodeConfig, pathsOf } from './config.ts'

/** A process and the text of its `/proc/PID/cgroup`. */
export interface CgroupMember {
  pid: number
  cgroup: string
}

/**
 * Kills what runs in a node's containers when neither containerd nor a shim is there to do it, as after a `kill -9` of all of them:
 * such processes keep their pod's network, whose addresses the next cluster gives to its own pods. Returns the pods' uids.
 */
export async function killLeftContainers(config: ClusterConfig, node: NodeConfig, clock: Clock): Promise<string[]> {
  const tasks = join(pathsOf(config).node(node.name).containerdState, 'io.containerd.runtime.v2.task', 'k8s.io')
  const ids = namesIn(tasks)
  if (ids.length === 0) return []
  const left = leftOf(ids, namesIn('/proc').filter(isNumber).flatMap(readMember))
  await Promise.all(left.map(({ pid }) => terminate({ pid, startTime: startTimeOf(pid) ?? '' }, clock, 0)))
  return [...new Set(left.map(each => each.podUid))]
}

/** Which processes are in one of the containers, by the cgroups that kubelet and containerd give them (both cgroup drivers). */
export function leftOf(ids: readonly string[], members: readonly CgroupMember[]): { pid: number; podUid: string }[] {
  const wanted = new Set(ids)
  return members.flatMap(({ pid, cgroup }) => {
    const place = /pod([-_0-9a-f]{36})(?:\.slice)?\/(?:cri-containerd-)?([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m.exec(
      cgroup,
    )
    return place && wanted.has(place[2]!) ? [{ pid, podUid: place[1]!.replaceAll('_', '-') }] : []
  })
}

const isNumber = (name: string): boolean => /^\d+$/.test(name)

function readMember(pid: string): CgroupMember[] {
  try {
    return [{ pid: Number(pid), cgroup: readFileSync(`/proc/${pid}/cgroup`, 'utf8') }]
  } catch {
    return [] // gone meanwhile
  }
}
