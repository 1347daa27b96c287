import { Client, credentials, status } from '@grpc/grpc-js'
import type { ProbeResult } from './network.ts'

const SERVING = 1
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** Asks the standard health service (grpc.health.v1.Health/Check). `deadline` is a wall time in milliseconds. */
export function probeGrpc(host: string, port: number, service: string, deadline: number): Promise<ProbeResult> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const client = new Client(address, credentials.createInsecure(), { 'grpc.primary_user_agent': 'kube-probe/1.36' })
  return new Promise(resolve => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      encodeRequest,
      decodeStatus,
      service,
      { deadline },
      (error, answer) => {
        client.close()
        if (error) resolve({ ok: false, message: describe(error.code, error.details, address, service) })
        else if (answer === SERVING) resolve({ ok: true, message: 'service healthy' })
        else
          resolve({ ok: false, message: `service unhealthy (responded with ${JSON.stringify(STATUSES[answer ?? 0])})` })
      },
    )
  })
}

function describe(code: status, details: string, address: string, service: string): string {
  if (code === status.UNIMPLEMENTED)
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`
  if (code === status.DEADLINE_EXCEEDED) return `timeout: health rpc did not complete within the deadline`
  if (code === status.NOT_FOUND) return `error: health rpc probe failed: unknown service ${JSON.stringify(service)}`
  return `timeout: failed to connect service ${JSON.stringify(address)}: ${details}`
}

/** HealthCheckRequest: field 1 is the service's name. */
function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service)
  if (name.length === 0) return Buffer.alloc(0)
  const length: number[] = []
  for (let left = name.length; ; left >>>= 7) {
    if (left < 0x80) {
      length.push(left)
      break
    }
    length.push((left & 0x7f) | 0x80)
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), name])
}

/** HealthCheckResponse: field 1 is the status, 0 where it is left out. */
function decodeStatus(bytes: Buffer): number {
  return bytes.length >= 2 && bytes[0] === 0x08 ? bytes[1]! : 0
}
