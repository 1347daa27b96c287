import { open } from 'node:fs/promises'
import type { RuntimeContainerStatus } from '@canopus/cri'
import { isMissing } from '@canopus/platform'
import { tailLog } from '../logs/tail.ts'
import { TERMINATION_MESSAGE_PATH, TERMINATION_MESSAGE_POLICY } from './labels.ts'

const MAX_MESSAGE_BYTES = 4096
const FALLBACK_BYTES = 2048
const FALLBACK_LINES = 80

/**
 * What a container left behind when it ended: its message file, or the end of its log where it failed without one and the
 * policy says so, after what the runtime itself had to say (upstream kuberuntime_container.go, getTerminationMessage).
 */
export async function terminationMessage(status: RuntimeContainerStatus, logs: string): Promise<string> {
  const path = status.annotations[TERMINATION_MESSAGE_PATH]
  const mount = status.mounts.find(each => each.containerPath === path)
  const written = mount ? await readStart(mount.hostPath) : ''
  const fallback =
    written === '' &&
    status.exitCode !== 0 &&
    status.annotations[TERMINATION_MESSAGE_POLICY] === 'FallbackToLogsOnError'
  const own =
    fallback && status.logPath.startsWith(logs)
      ? await tailLog(status.logPath, FALLBACK_LINES, FALLBACK_BYTES)
      : written
  const parts = [own, status.message === '' ? '' : status.message].filter(part => part !== '')
  return parts.join(': ').slice(0, MAX_MESSAGE_BYTES)
}

async function readStart(path: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const buffer = Buffer.alloc(MAX_MESSAGE_BYTES)
      const { bytesRead } = await file.read(buffer, 0, MAX_MESSAGE_BYTES, 0)
      return buffer.subarray(0, bytesRead).toString()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isMissing(error)) return ''
    throw error
  }
}
