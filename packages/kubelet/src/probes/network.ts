import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { Container, HTTPGetAction } from '@canopus/api/core/v1'
import type { Clock } from '@canopus/base'

export interface ProbeResult {
  ok: boolean
  /** Why not, as the Unhealthy event says; or what was answered. */
  message: string
}

const MAX_BODY = 10 * 1024

/** The number of a port given by number or by name. Throws where no port has that name. */
export function resolvePort(port: number | string, container: Pick<Container, 'ports'>): number {
  const number = Number(port)
  if (Number.isInteger(number)) return number
  const named = container.ports?.find(each => each.name === port)
  if (named === undefined) throw new Error(`couldn't find port: ${JSON.stringify(port)}`)
  return named.containerPort
}

/** GETs the address; a status from 200 to 399 is success (upstream pkg/probe/http). `timeout` in milliseconds. */
export function probeHttp(
  action: HTTPGetAction,
  target: { ip: string; container: Pick<Container, 'ports'> },
  clock: Clock,
  timeout: number,
  purpose: 'probe' | 'hook' = 'probe',
): Promise<ProbeResult> {
  const https = action.scheme?.toUpperCase() === 'HTTPS'
  const host = action.host || target.ip
  const port = resolvePort(action.port, target.container)
  const path = action.path === undefined || action.path === '' ? '/' : action.path
  const url = `${https ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}${path.startsWith('/') ? '' : '/'}${path}`
  return within(clock, timeout, signal => get(url, headersOf(action, purpose), https, signal))
}

function headersOf(action: HTTPGetAction, purpose: 'probe' | 'hook'): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'User-Agent': 'kube-probe/1.36',
    Accept: '*/*',
    Connection: 'close',
  }
  if (purpose === 'hook') headers['User-Agent'] = 'kube-lifecycle/1.36'
  const own = new Map<string, string[]>()
  for (const { name, value } of action.httpHeaders ?? []) {
    const same = [...own.keys()].find(known => known.toLowerCase() === name.toLowerCase()) ?? name
    own.set(same, [...(own.get(same) ?? []), value])
  }
  for (const [name, values] of own) {
    for (const known of Object.keys(headers)) if (known.toLowerCase() === name.toLowerCase()) delete headers[known]
    if (values.length > 1 || values[0] !== '') headers[name] = values.length > 1 ? values : values[0]!
  }
  return headers
}

function get(
  url: string,
  headers: Record<string, string | string[]>,
  https: boolean,
  signal: AbortSignal,
): Promise<ProbeResult> {
  return new Promise(resolve => {
    const options = { headers, agent: false as const, signal }
    const request = https ? httpsRequest(url, { ...options, rejectUnauthorized: false }) : httpRequest(url, options)
    request.on('response', response => {
      let body = ''
      const finish = (): void => {
        const status = response.statusCode ?? 0
        const ok = status >= 200 && status < 400
        resolve({ ok, message: ok ? body : `HTTP probe failed with statuscode: ${status}` })
        request.destroy()
      }
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length >= MAX_BODY) finish()
      })
      response.on('end', finish)
      response.on('error', error => resolve({ ok: false, message: `Get ${JSON.stringify(url)}: ${error.message}` }))
    })
    request.on('error', error => resolve({ ok: false, message: `Get ${JSON.stringify(url)}: ${reasonOf(error, url)}` }))
    request.end()
  })
}

/** Go's words for the usual failures. */
function reasonOf(error: Error & { code?: string }, url: string): string {
  const { host } = new URL(url)
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
  if (error.code === 'ECONNREFUSED') return `dial tcp ${host}: connect: connection refused`
  if (error.code === 'EHOSTUNREACH') return `dial tcp ${host}: connect: no route to host`
  return error.message
}

/** Opens a connection and closes it. */
export function probeTcp(host: string, port: number, clock: Clock, timeout: number): Promise<ProbeResult> {
  return within(clock, timeout, signal => connectOnce(host, port, signal))
}

function connectOnce(host: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise(resolve => {
    const socket = connect({ host, port, signal })
    socket.on('connect', () => {
      socket.destroy()
      resolve({ ok: true, message: '' })
    })
    socket.on('error', (error: Error & { code?: string }) => {
      socket.destroy()
      const timedOut = error.name === 'AbortError' || error.name === 'TimeoutError'
      const text = timedOut
        ? 'i/o timeout'
        : error.code === 'ECONNREFUSED'
          ? 'connect: connection refused'
          : error.message
      resolve({ ok: false, message: `dial tcp ${host}:${port}: ${text}` })
    })
  })
}

/** Gives `attempt` a signal that aborts after so many milliseconds. */
async function within<T>(clock: Clock, timeout: number, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const timer = clock.setTimer(timeout, () => controller.abort())
  try {
    return await attempt(controller.signal)
  } finally {
    timer.cancel()
  }
}
