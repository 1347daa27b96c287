import type { Container, LifecycleHandler } from '@canopus/api/core/v1'
import { type Clock, messageOf, sleep } from '@canopus/base'
import { type Cri, CriError } from '@canopus/cri'
import { probeHttp, probeTcp, resolvePort } from '../probes/network.ts'

/** Longest output of a hook that is kept for a message. */
const MAX_OUTPUT = 1024

export interface HookTarget {
  containerId: string
  /** Where the pod answers: its own address, or the node's for pods on the host's network. */
  ip: string
  container: Pick<Container, 'name' | 'ports'>
}

/** A hook that failed; `message` is what the event says. */
export class HookError extends Error {}

/** Runs a container's postStart or preStop hook. `limit` in milliseconds, 0 for none. Throws `HookError`. */
export async function runHook(
  cri: Cri,
  clock: Clock,
  hook: LifecycleHandler,
  target: HookTarget,
  limit: number,
): Promise<void> {
  try {
    if (hook.exec) await runExec(cri, hook.exec.command ?? [], target.containerId, limit)
    else if (hook.httpGet) {
      const result = await probeHttp(hook.httpGet, target, clock, limit || 30_000, 'hook')
      if (!result.ok) throw new HookError(result.message)
    } else if (hook.tcpSocket) {
      const port = resolvePort(hook.tcpSocket.port, target.container)
      const result = await probeTcp(hook.tcpSocket.host || target.ip, port, clock, limit || 30_000)
      if (!result.ok) throw new HookError(result.message)
    } else if (hook.sleep) await sleep(clock, Math.min(hook.sleep.seconds * 1000, limit || Number.POSITIVE_INFINITY))
  } catch (error) {
    if (error instanceof HookError) throw error
    throw new HookError(messageOf(error))
  }
}

async function runExec(cri: Cri, cmd: readonly string[], containerId: string, limit: number): Promise<void> {
  const timeout = Math.ceil(limit / 1000)
  try {
    const result = await cri.execSync({ containerId, cmd, timeout }, { deadline: limit === 0 ? 0 : limit + 1000 })
    if (result.exitCode === 0) return
    const output = Buffer.concat([result.stdout, result.stderr]).toString().slice(0, MAX_OUTPUT)
    throw new HookError(
      `command '${cmd.join(' ')}' exited with ${result.exitCode}: ${output}, message: ${JSON.stringify(output)}`,
    )
  } catch (error) {
    if (error instanceof CriError) throw new HookError(`command '${cmd.join(' ')}' failed: ${error.goText}`)
    throw error
  }
}
