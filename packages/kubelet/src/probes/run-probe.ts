import type { Container, Probe } from '@canopus/api/core/v1'
import type { Clock } from '@canopus/base'
import { type Cri, CriError, hasCode } from '@canopus/cri'
import { goDuration } from '../pods/pod-text.ts'
import { probeGrpc } from './grpc.ts'
import { type ProbeResult, probeHttp, probeTcp, resolvePort } from './network.ts'

export interface ProbeTarget {
  containerId: string
  container: Container
  ip: string
}

const MAX_OUTPUT = 10 * 1024

/** Runs a probe once. Rejects where it could not be run at all. */
export async function runProbe(cri: Cri, clock: Clock, probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000
  if (probe.exec) return execProbe(cri, probe.exec.command ?? [], target.containerId, timeout)
  if (probe.httpGet) return probeHttp(probe.httpGet, target, clock, timeout)
  if (probe.tcpSocket) {
    const port = resolvePort(probe.tcpSocket.port, target.container)
    return probeTcp(probe.tcpSocket.host || target.ip, port, clock, timeout)
  }
  if (probe.grpc) return probeGrpc(target.ip, probe.grpc.port, probe.grpc.service ?? '', clock.now() + timeout)
  throw new Error('missing probe handler')
}

async function execProbe(cri: Cri, cmd: readonly string[], containerId: string, timeout: number): Promise<ProbeResult> {
  try {
    const request = { containerId, cmd, timeout: Math.ceil(timeout / 1000) }
    // The runtime's own timeout does not end it while a child holds the output open, so the call has one too.
    const result = await cri.execSync(request, { deadline: timeout + 1000 })
    const output = Buffer.concat([result.stdout, result.stderr]).toString().slice(0, MAX_OUTPUT)
    return { ok: result.exitCode === 0, message: output }
  } catch (error) {
    if (hasCode(error, 'DEADLINE_EXCEEDED'))
      return {
        ok: false,
        message: `command timed out: ${JSON.stringify(cmd.join(' '))} timed out after ${goDuration(timeout)}`,
      }
    if (error instanceof CriError) throw new Error(error.goText)
    throw error
  }
}
