/** `/metrics` and `/metrics/cadvisor` of the node: the figures that dashboards ask for most. */
import type { Pod } from '@canopus/api/core/v1'
import { MetricsRegistry, type Sample } from '@canopus/base'
import { registerProcessMetrics } from '@canopus/platform'
import type { Services } from '../services.ts'
import { cgroupUsage, runningContainers } from './stats.ts'

/** What the kubelet tells of itself (pkg/kubelet/metrics). */
export function kubeletMetrics(services: Services, pods: readonly Pod[]): string {
  const registry = new MetricsRegistry()
  registerProcessMetrics(registry)
  registry.collect('gauge', 'kubelet_node_name', "[ALPHA] The node's name. The count is always 1.", ['node'], () => [
    [[services.nodeName], 1],
  ])
  const running = pods.map(pod => runningContainers(services, pod).length)
  registry.collect(
    'gauge',
    'kubelet_running_pods',
    '[ALPHA] Number of pods that have a running pod sandbox',
    [],
    () => [[[], running.filter(count => count > 0).length]],
  )
  registry.collect(
    'gauge',
    'kubelet_running_containers',
    '[ALPHA] Number of containers currently running',
    ['container_state'],
    () => [[['running'], running.reduce((sum, count) => sum + count, 0)]],
  )
  return registry.text()
}

/** What cAdvisor tells of containers, as far as their cgroups say it. */
export function containerMetrics(services: Services, pods: readonly Pod[]): string {
  const registry = new MetricsRegistry()
  const usages = pods.flatMap(pod => {
    const { name, namespace = '', uid } = pod.metadata
    return runningContainers(services, pod).flatMap(record => {
      const usage = cgroupUsage(services, uid, record.id)
      return usage === undefined ? [] : [{ labels: [record.name, record.id, namespace, name], usage, record }]
    })
  })
  const family = (
    type: 'counter' | 'gauge',
    name: string,
    help: string,
    of: (each: (typeof usages)[number]) => number,
  ) =>
    registry.collect(type, name, help, ['container', 'name', 'namespace', 'pod'], () =>
      usages.map((each): Sample => [each.labels, of(each)]),
    )
  family(
    'counter',
    'container_cpu_usage_seconds_total',
    'Cumulative cpu time consumed in seconds.',
    ({ usage }) => usage.cpuNanoseconds / 1e9,
  )
  family(
    'gauge',
    'container_memory_usage_bytes',
    'Current memory usage in bytes, including all memory.',
    ({ usage }) => usage.usageBytes,
  )
  family(
    'gauge',
    'container_memory_working_set_bytes',
    'Current working set in bytes.',
    ({ usage }) => usage.workingSetBytes,
  )
  family('gauge', 'container_memory_rss', 'Size of RSS in bytes.', ({ usage }) => usage.rssBytes)
  family(
    'gauge',
    'container_start_time_seconds',
    'Start time of the container since unix epoch in seconds.',
    ({ record }) => record.startedAt / 1000,
  )
  return registry.text()
}
