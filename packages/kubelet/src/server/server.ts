import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Pod } from '@canopus/api/core/v1'
import { messageOf, sleep } from '@canopus/base'
import { CriError } from '@canopus/cri'
import { MAX_HEADER_BYTES, type TlsPolicy, tryRun } from '@canopus/platform'
import { type WebSocket, WebSocketServer } from 'ws'
import type { KubeletServerOptions } from '../options.ts'
import { activeSandbox } from '../runtime/pod-runtime.ts'
import type { Services } from '../services.ts'
import { KubeletAuth } from './auth.ts'
import { serveContainerLogs } from './container-logs.ts'
import { endWithContainer } from './end-with-container.ts'
import { forwardedPorts } from './forwarded-ports.ts'
import { HttpError } from './http-error.ts'
import { containerMetrics, kubeletMetrics } from './metrics.ts'
import { NODE_LOGS, serveNodeLogs } from './node-logs.ts'
import { PORT_FORWARD_PROTOCOL, servePortForwardTunnel } from './port-forward-tunnel.ts'
import { REMOTE_COMMAND_PROTOCOL, type RemoteStreams, serveRemoteCommand } from './remote-command.ts'
import { type RuntimeStream, refuse, splice } from './splice.ts'
import { resourceMetrics, statsSummary } from './stats.ts'

const RUN_TIMEOUT = 120_000
/** What is spoken over a connection that has been upgraded. */
const STREAMED = /^\/(exec|attach|portForward)\//
/** Milliseconds after its start from which on a container is attached to; upstream tells of a start about that late. */
const ATTACH_AFTER = 500

export interface ServerFacts {
  options: KubeletServerOptions
  services: Services
  /** The kubelet's directory: its disk is the node's. */
  root: string
  pods(): readonly Pod[]
  /** Resolves when the node's pods are known: after a restart no running pod may be told to be missing. */
  readonly podsKnown: Promise<void>
}

export interface KubeletServer {
  readonly port: number
  close(): Promise<void>
}

/** The kubelet's own API: logs, exec, attach, port-forward, figures (upstream pkg/kubelet/server/server.go). */
export async function startServer(facts: ServerFacts): Promise<KubeletServer> {
  const { options, services } = facts
  const auth = new KubeletAuth(services.client, services.clock, services.nodeName)
  const server = createServer({
    ...tlsOf(options, options),
    requestCert: true,
    rejectUnauthorized: false, // who has no certificate may have a token
    ALPNProtocols: ['http/1.1'],
    maxHeaderSize: MAX_HEADER_BYTES,
    // whoever asks for another protocol where there is only one gets the answer that everybody gets
    shouldUpgradeCallback: ({ url = '' }: IncomingMessage) => STREAMED.test(url),
  })
  options.onRenewal?.(pair => server.setSecureContext(tlsOf(options, pair)))
  const open = new Set<Duplex>()
  server.on('request', (request, response) => void handle(facts, auth, request, response))
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    void upgrade(facts, auth, request, socket, head)
  })
  server.on('tlsClientError', () => {}) // somebody who does not speak TLS
  await listen(server, options)
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    async close() {
      for (const socket of open) socket.destroy()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

const tlsOf = (
  { clientCa, tlsPolicy }: Pick<KubeletServerOptions, 'clientCa' | 'tlsPolicy'>,
  { certificate, key }: { certificate: string; key: string },
): TlsPolicy & { cert: string; key: string; ca: string } => ({ ...tlsPolicy, cert: certificate, key, ca: clientCa })

function listen(server: Server, options: KubeletServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function handle(
  facts: ServerFacts,
  auth: KubeletAuth,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await auth.check(request)
    await route(facts, request, response)
  } catch (error) {
    const { status, message } = describe(error)
    if (status >= 500) facts.services.logger.warn('a request failed', { url: request.url, error })
    if (response.headersSent) response.destroy()
    else response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(message)
  }
}

async function route(facts: ServerFacts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { services } = facts
  const url = new URL(request.url ?? '/', 'https://kubelet')
  const [first = '', ...rest] = url.pathname.split('/').slice(1)
  switch (first) {
    case 'healthz':
      response.end('ok')
      return
    case 'logs':
      return serveNodeLogs(
        { directory: NODE_LOGS, answersQueries: facts.options.systemLogQuery === true, run: tryRun },
        rest.map(decodeURIComponent).join('/'),
        url.searchParams,
        response,
      )
  }
  await facts.podsKnown
  switch (first) {
    case 'pods':
      return json(response, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: facts.pods() })
    case 'containerLogs': {
      const [namespace = '', name = '', container = ''] = rest.map(decodeURIComponent)
      const pod = findPod(facts, namespace, name, undefined, `pod ${JSON.stringify(name)}`)
      return serveContainerLogs(services, pod, container, url.searchParams, response)
    }
    case 'run':
      return serveRun(facts, rest.map(decodeURIComponent), url.searchParams, response)
    case 'stats':
      if (rest.join('/') !== 'summary') throw new HttpError(404, '404 page not found\n')
      return json(response, await statsSummary(services, facts.pods(), facts.root))
    case 'metrics':
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores')
      response.end(metricsText(facts, rest.join('/')))
      return
    case 'exec':
    case 'attach':
    case 'portForward':
      throw new HttpError(400, 'Upgrade request required')
    default:
      throw new HttpError(404, '404 page not found\n')
  }
}

function metricsText({ services, pods }: ServerFacts, path: string): string {
  switch (path) {
    case '':
      return kubeletMetrics(services, pods())
    case 'resource':
      return resourceMetrics(services, pods())
    case 'cadvisor':
      return containerMetrics(services, pods())
    default:
      throw new HttpError(404, '404 page not found\n')
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function findPod(facts: ServerFacts, namespace: string, name: string, uid?: string, text = 'pod'): Pod {
  const pod = facts
    .pods()
    .find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace && (!uid || metadata.uid === uid),
    )
  if (pod === undefined) throw new HttpError(404, `${text} does not exist`)
  return pod
}

function runningContainer(facts: ServerFacts, pod: Pod, name: string): string {
  const records = facts.services.view.get(pod.metadata.uid)?.containers ?? []
  const record = records.find(each => each.name === name && each.state === 'running')
  if (record === undefined) throw new HttpError(404, `container not found (${JSON.stringify(name)})`)
  return record.id
}

/** `/<verb>/<namespace>/<pod>[/<uid>]/<container>`. */
function target(facts: ServerFacts, parts: readonly string[]): { pod: Pod; container: string } {
  const [namespace = '', name = '', ...more] = parts
  const container = more.at(-1) ?? ''
  return { pod: findPod(facts, namespace, name, more.length > 1 ? more[0] : undefined), container }
}

async function serveRun(
  facts: ServerFacts,
  parts: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const { pod, container } = target(facts, parts)
  const cmd = (query.get('cmd') ?? '').split(' ')
  const containerId = runningContainer(facts, pod, container)
  const result = await facts.services.cri.execSync({ containerId, cmd, timeout: RUN_TIMEOUT / 1000 })
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.end(Buffer.concat([result.stdout, result.stderr]))
}

async function upgrade(
  facts: ServerFacts,
  auth: KubeletAuth,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  try {
    await auth.check(request)
    await facts.podsKnown
    const target = new URL(request.url ?? '/', 'https://kubelet')
    const { url, streams, isRunning } = await streamingUrl(facts, target, speaksChannels(request))
    const watch = (stream: RuntimeStream): void => {
      if (isRunning === undefined) return
      const over = new AbortController()
      socket.on('close', () => over.abort())
      endWithContainer(facts.services.clock, { ...stream, isRunning }, () => stream.end(), over.signal)
    }
    const protocol = translatedProtocol(request, streams !== undefined)
    if (protocol === undefined) return watch(splice(request, socket, head, url))
    const client = await acceptWebSocket(request, socket, head, protocol)
    const served = streams ? serveRemoteCommand(client, url, streams, watch) : servePortForwardTunnel(client, url)
    served.catch(error => {
      facts.services.logger.warn('a stream failed', { url: request.url, error })
      client.resume()
      client.close(1011)
    })
  } catch (error) {
    const { status, message } = describe(error)
    refuse(socket, status, STATUS_TEXT[status] ?? 'Error', message)
  }
}

/** The WebSocket protocol that we have to speak ourselves because the runtime does not, or nothing where it does. */
function translatedProtocol(request: IncomingMessage, isCommand: boolean): string | undefined {
  if (request.headers.upgrade?.toLowerCase() !== 'websocket') return undefined
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(each => each.trim())
  const ours = isCommand ? REMOTE_COMMAND_PROTOCOL : PORT_FORWARD_PROTOCOL
  return offered.includes(ours) ? ours : undefined
}

/** Whether a client speaks the runtime's own WebSocket protocols, in which every message begins with its channel. */
const speaksChannels = (request: IncomingMessage): boolean =>
  request.headers.upgrade?.toLowerCase() === 'websocket' && translatedProtocol(request, false) === undefined

/** The names of these protocols are no tokens of HTTP (they have a slash), so the library must not see them. */
function acceptWebSocket(request: IncomingMessage, socket: Duplex, head: Buffer, protocol: string): Promise<WebSocket> {
  delete request.headers['sec-websocket-protocol']
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on('headers', headers => headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  return new Promise(resolve =>
    server.handleUpgrade(request, socket, head, client => {
      client.pause() // nothing of what it sends at once may be lost
      resolve(client)
    }),
  )
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
}

/**
 * Waits until a container has been there for a moment. One that ends within it has written everything before anybody could
 * attach: its caller is told that it does not run, and kubectl reads its log instead of nothing at all.
 */
async function stayed(facts: ServerFacts, pod: Pod, name: string): Promise<void> {
  const { view, clock } = facts.services
  const record = view.get(pod.metadata.uid)?.containers.find(each => each.name === name)
  const left = (record?.startedAt ?? 0) + ATTACH_AFTER - clock.now()
  if (left <= 0) return
  await sleep(clock, left)
  // what nobody has noticed yet the runtime refuses
  if (runningContainer(facts, pod, name) !== record?.id)
    throw new HttpError(404, `container not found (${JSON.stringify(name)})`)
}

interface StreamTarget {
  url: string
  /** Which streams, where it is a command. */
  streams?: RemoteStreams
  /** Whether the container that it belongs to runs, where it is a command. */
  isRunning?(): boolean
}

/** Where the container runtime serves this very stream, once. */
async function streamingUrl(facts: ServerFacts, url: URL, byChannels: boolean): Promise<StreamTarget> {
  const { cri, view } = facts.services
  const [verb, ...parts] = url.pathname.split('/').slice(1).map(decodeURIComponent)
  const flag = (...names: string[]): boolean =>
    names.some(name => ['1', 'true'].includes(url.searchParams.get(name) ?? ''))
  if (verb === 'portForward') {
    const [namespace = '', name = '', uid] = parts
    const pod = findPod(facts, namespace, name, uid)
    const sandbox = activeSandbox(
      view.get(pod.metadata.uid) ?? { uid: '', name: '', namespace: '', sandboxes: [], containers: [] },
    )
    if (sandbox === undefined) throw new HttpError(404, `pod not found (${JSON.stringify(`${name}_${namespace}`)})`)
    const port = byChannels ? forwardedPorts(url.searchParams) : []
    return cri.portForward({ podSandboxId: sandbox.id, port })
  }
  if (verb !== 'exec' && verb !== 'attach') throw new HttpError(404, '404 page not found\n')
  const { pod, container } = target(facts, parts)
  const containerId = runningContainer(facts, pod, container)
  const tty = flag('tty')
  const streams = {
    tty,
    stdin: flag('input', 'stdin'),
    stdout: flag('output', 'stdout'),
    stderr: flag('error', 'stderr') && !tty,
  }
  if (!streams.stdin && !streams.stdout && !streams.stderr)
    throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr')
  const isRunning = (): boolean =>
    view.get(pod.metadata.uid)?.containers.some(({ id, state }) => id === containerId && state === 'running') ?? false
  if (verb === 'attach') await stayed(facts, pod, container)
  if (verb === 'attach') return { ...(await cri.attach({ containerId, ...streams })), streams, isRunning }
  const cmd = url.searchParams.getAll('command')
  return { ...(await cri.exec({ containerId, cmd, ...streams })), streams, isRunning }
}

function describe(error: unknown): { status: number; message: string } {
  if (error instanceof HttpError) return { status: error.status, message: error.message }
  if (error instanceof CriError) return { status: error.code === 'NOT_FOUND' ? 404 : 500, message: error.goText }
  return { status: 500, message: messageOf(error) }
}
