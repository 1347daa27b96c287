import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { MetricsRegistry, Sample } from '@canopus/base'

/** What Prometheus' clients tell of every process, and what is Node's own. Looked up when somebody asks. */
export function registerProcessMetrics(registry: MetricsRegistry): void {
  const one = (type: 'counter' | 'gauge', name: string, help: string, value: () => number | undefined): void =>
    registry.collect(type, name, help, [], () => {
      const found = value()
      return found === undefined ? [] : [[[], found] as Sample]
    })
  one('counter', 'process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  one('gauge', 'process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss())
  one('gauge', 'process_virtual_memory_bytes', 'Virtual memory size in bytes.', virtualBytes)
  one('gauge', 'process_virtual_memory_max_bytes', 'Maximum amount of virtual memory available in bytes.', mostVirtual)
  one(
    'counter',
    'process_network_receive_bytes_total',
    'Number of bytes received by the process over the network.',
    () => networkBytes('InOctets'),
  )
  one('counter', 'process_network_transmit_bytes_total', 'Number of bytes sent by the process over the network.', () =>
    networkBytes('OutOctets'),
  )
  one('gauge', 'process_open_fds', 'Number of open file descriptors.', openFiles)
  one('gauge', 'process_max_fds', 'Maximum number of open file descriptors.', mostFiles)
  one(
    'gauge',
    'process_start_time_seconds',
    'Start time of the process since unix epoch in seconds.',
    () => performance.timeOrigin / 1000,
  )
  one(
    'gauge',
    'nodejs_heap_size_used_bytes',
    'Heap of JavaScript objects in use.',
    () => getHeapStatistics().used_heap_size,
  )
  one('gauge', 'nodejs_heap_size_total_bytes', 'Heap of JavaScript objects.', () => getHeapStatistics().total_heap_size)
  one('gauge', 'nodejs_external_memory_bytes', 'Memory outside the heap.', () => process.memoryUsage().external)
}

function ofProc(name: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(`/proc/self/${name}`, 'utf8'))?.[1]
    return found === undefined ? undefined : Number(found)
  } catch {
    return undefined // not on Linux
  }
}

const virtualBytes = (): number | undefined => {
  const kilobytes = ofProc('status', /^VmSize:\s+(\d+) kB/m)
  return kilobytes === undefined ? undefined : kilobytes * 1024
}
const mostFiles = (): number | undefined => ofProc('limits', /^Max open files\s+(\d+)/m)

/** Go's largest number where there is no limit. */
function mostVirtual(): number | undefined {
  return ofProc('limits', /^Max address space\s+(\d+)/m) ?? (existsSync('/proc/self/limits') ? 2 ** 64 : undefined)
}

/** Of all of the process's network, as /proc has it: names in one line, numbers in the next. */
function networkBytes(name: string): number | undefined {
  try {
    const [names = [], values = []] = readFileSync('/proc/self/net/netstat', 'utf8')
      .split('\n')
      .filter(line => line.startsWith('IpExt:'))
      .map(line => line.split(' '))
    const value = values[names.indexOf(name)]
    return value === undefined ? undefined : Number(value)
  } catch {
    return undefined
  }
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return undefined
  }
}
