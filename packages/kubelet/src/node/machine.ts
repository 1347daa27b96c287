import { readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { arch, availableParallelism, release, totalmem } from 'node:os'
import { readTextIfPresent } from '@canopus/platform'

/** What a node says of the machine it is on. */
export interface MachineFacts {
  cpus: number
  /** Bytes. */
  memory: number
  machineId: string
  systemUuid: string
  bootId: string
  kernelVersion: string
  osImage: string
  /** `amd64`, `arm64`. */
  architecture: string
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' }

export function readMachineFacts(): MachineFacts {
  const machineId = (readTextIfPresent('/etc/machine-id') ?? '').trim()
  const release_ = readTextIfPresent('/etc/os-release') ?? ''
  return {
    cpus: availableParallelism(),
    memory: totalmem(),
    machineId,
    systemUuid: firstLine('/sys/class/dmi/id/product_uuid') || machineId,
    bootId: firstLine('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?(.*?)"?$/m.exec(release_)?.[1] ?? 'Linux',
    architecture: ARCHITECTURES[arch()] ?? arch(),
  }
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return '' // not every machine has it, and not everybody may read it
  }
}

export interface DiskFacts {
  capacityBytes: number
  availableBytes: number
  inodes: number
  freeInodes: number
}

export async function diskFacts(path: string): Promise<DiskFacts> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(path)
  return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, freeInodes: ffree }
}

export interface MemoryUse {
  availableBytes: number
  totalBytes: number
}

export function memoryUse(): MemoryUse {
  const text = readFileSync('/proc/meminfo', 'utf8')
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0)
  return { availableBytes: kilobytes('MemAvailable') * 1024, totalBytes: kilobytes('MemTotal') * 1024 }
}

/** Milliseconds since the machine started, not counting its sleep: the time that the kernel's log has. */
export function sinceBoot(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
