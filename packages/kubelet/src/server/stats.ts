import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '@canopus/api/core/v1'
import { formatTime } from '@canopus/apimachinery'
import { diskFacts, memoryUse } from '../node/machine.ts'
import type { ContainerRecord } from '../runtime/pod-runtime.ts'
import type { Services } from '../services.ts'

/** What a container or pod has used, read from its cgroup. */
export interface Usage {
  /** CPU time, in nanoseconds. */
  cpuNanoseconds: number
  /** Bytes that cannot simply be taken away again. */
  workingSetBytes: number
  usageBytes: number
  rssBytes: number
}

/** The figures of a cgroup below a pod's (empty for the pod itself). Nothing where it is gone. */
export function cgroupUsage(services: Services, uid: string, below = ''): Usage | undefined {
  const cpu = services.cgroups.directory(uid, 'cpuacct')
  const memory = services.cgroups.directory(uid, 'memory')
  if (cpu === undefined || memory === undefined) return undefined
  try {
    return readUsage(join(cpu, below), join(memory, below))
  } catch {
    return undefined // gone in between
  }
}

function readUsage(cpu: string, memory: string): Usage {
  const read = (directory: string, name: string): string | undefined => {
    try {
      return readFileSync(join(directory, name), 'utf8')
    } catch {
      return undefined
    }
  }
  const stat = read(memory, 'memory.stat') ?? ''
  const figure = (text: string, name: string): number =>
    Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  const v1 = read(cpu, 'cpuacct.usage')
  const usageBytes = Number(read(memory, v1 === undefined ? 'memory.current' : 'memory.usage_in_bytes') ?? 0)
  const inactive = figure(stat, v1 === undefined ? 'inactive_file' : 'total_inactive_file')
  return {
    cpuNanoseconds: v1 === undefined ? figure(read(cpu, 'cpu.stat') ?? '', 'usage_usec') * 1000 : Number(v1),
    usageBytes,
    workingSetBytes: Math.max(0, usageBytes - inactive),
    rssBytes: figure(stat, v1 === undefined ? 'anon' : 'total_rss'),
  }
}

function nodeCpuNanoseconds(): number {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .split(/\s+/)
    .map(Number)
  const ticks = user! + nice! + system! + irq! + softirq! + steal!
  return ticks * 1e7 // 100 ticks a second
}

export function runningContainers(services: Services, pod: Pod): ContainerRecord[] {
  return (services.view.get(pod.metadata.uid)?.containers ?? []).filter(each => each.state === 'running')
}

/** `/stats/summary` (upstream pkg/kubelet/apis/stats/v1alpha1), as far as metrics-server and kubectl read it. */
export async function statsSummary(services: Services, pods: readonly Pod[], root: string): Promise<unknown> {
  const time = formatTime(services.clock.now())
  const memory = memoryUse()
  const disk = await diskFacts(root)
  const cpuOf = (usage: Usage) => ({ time, usageCoreNanoSeconds: usage.cpuNanoseconds })
  const memoryOf = (usage: Usage) => ({
    time,
    usageBytes: usage.usageBytes,
    workingSetBytes: usage.workingSetBytes,
    rssBytes: usage.rssBytes,
  })
  return {
    node: {
      nodeName: services.nodeName,
      cpu: { time, usageCoreNanoSeconds: nodeCpuNanoseconds() },
      memory: {
        time,
        availableBytes: memory.availableBytes,
        usageBytes: memory.totalBytes - memory.availableBytes,
        workingSetBytes: memory.totalBytes - memory.availableBytes,
      },
      fs: {
        time,
        availableBytes: disk.availableBytes,
        capacityBytes: disk.capacityBytes,
        usedBytes: disk.capacityBytes - disk.availableBytes,
        inodes: disk.inodes,
        inodesFree: disk.freeInodes,
      },
    },
    pods: pods.flatMap(pod => {
      const { name, namespace = '', uid } = pod.metadata
      const whole = cgroupUsage(services, uid)
      if (whole === undefined) return []
      const containers = runningContainers(services, pod).flatMap(record => {
        const usage = cgroupUsage(services, uid, record.id)
        if (usage === undefined) return []
        return [
          { name: record.name, startTime: formatTime(record.startedAt), cpu: cpuOf(usage), memory: memoryOf(usage) },
        ]
      })
      const startTime = pod.status?.startTime
      return [{ podRef: { name, namespace, uid }, startTime, containers, cpu: cpuOf(whole), memory: memoryOf(whole) }]
    }),
  }
}

/** `/metrics/resource`: what metrics-server scrapes, in Prometheus' text form. */
export function resourceMetrics(services: Services, pods: readonly Pod[]): string {
  const memory = memoryUse()
  const families = new Map<string, { type: string; samples: string[] }>()
  const add = (name: string, type: string, labels: Record<string, string>, value: number): void => {
    const family = families.get(name) ?? { type, samples: [] }
    families.set(name, family)
    const text = Object.entries(labels)
      .map(([label, content]) => `${label}=${JSON.stringify(content)}`)
      .join(',')
    family.samples.push(`${name}${text === '' ? '' : `{${text}}`} ${value}`)
  }
  add('node_cpu_usage_seconds_total', 'counter', {}, nodeCpuNanoseconds() / 1e9)
  add('node_memory_working_set_bytes', 'gauge', {}, memory.totalBytes - memory.availableBytes)
  for (const pod of pods) {
    const { name, namespace = '', uid } = pod.metadata
    const whole = cgroupUsage(services, uid)
    if (whole === undefined) continue
    const labels = { namespace, pod: name }
    add('pod_cpu_usage_seconds_total', 'counter', labels, whole.cpuNanoseconds / 1e9)
    add('pod_memory_working_set_bytes', 'gauge', labels, whole.workingSetBytes)
    for (const record of runningContainers(services, pod)) {
      const usage = cgroupUsage(services, uid, record.id)
      if (usage === undefined) continue
      const own = { container: record.name, ...labels }
      add('container_cpu_usage_seconds_total', 'counter', own, usage.cpuNanoseconds / 1e9)
      add('container_memory_working_set_bytes', 'gauge', own, usage.workingSetBytes)
      add('container_start_time_seconds', 'gauge', own, record.startedAt / 1000)
    }
  }
  add('scrape_error', 'gauge', {}, 0)
  return [...families].map(([name, { type, samples }]) => `# TYPE ${name} ${type}\n${samples.join('\n')}\n`).join('')
}
