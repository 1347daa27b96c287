import { deepFreeze, type KubeObject } from '@canopus/apimachinery'
import { abortable, type Clock, type Random, sleep } from '@canopus/base'
import { carriedBy, type Piece, type Transport, type TransportRequest, type TransportResponse } from '@canopus/client'
import type { Faults } from './faults.ts'
import type { StreamProgress } from './watch-knowledge.ts'

export interface FaultyTransportOptions {
  /** Whose connection this is. */
  component: string
  /** The API server as it is now, and the signal that aborts when it dies; nothing while there is none. */
  server(): { transport: Transport; died: AbortSignal } | undefined
  /** Aborts when the component itself dies: from then on nothing more is sent. */
  signal: AbortSignal
  faults: Faults
  clock: Clock
  random: Random
  /** Freezes what is handed over as objects, which are shared: whoever changes one throws. */
  frozen?: boolean
}

/** Says that no answer came. */
export class ConnectionError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'ConnectionError'
  }
}

/** A component's way to the API server, on which things go wrong as `faults` has it. */
export function faultyTransport(options: FaultyTransportOptions): Transport {
  if (options.frozen !== true) return { send: request => send(options, request) }
  return { send: async request => frozen(await send(options, request)) }
}

/** The same answer, of whose objects nobody can change any. */
function frozen(response: TransportResponse): TransportResponse {
  const freeze = <P extends Piece>(piece: P): P => {
    deepFreeze(carriedBy(piece))
    return piece
  }
  return {
    ...response,
    bytes: async () => freeze(await response.bytes()),
    async *chunks() {
      for await (const chunk of response.chunks()) yield freeze(chunk)
    },
  }
}

async function send(options: FaultyTransportOptions, request: TransportRequest): Promise<TransportResponse> {
  const { faults, random, component } = options
  if (options.signal.aborted) throw new ConnectionError(`${component} is down`)
  const isWatch = /[?&]watch=(1|true)\b/.test(request.path)
  const isWrite = request.method !== 'GET'
  if (faults.happens('slow', random)) await pause(options, request)
  if (options.signal.aborted) throw new ConnectionError(`${component} is down`)
  const server = options.server()
  if (server === undefined || faults.happens('refused', random)) throw new ConnectionError('connection refused')
  const early = earlyAnswer(options, request, isWrite)
  if (early) return early
  const gone = AbortSignal.any([server.died, options.signal])
  const answer = server.transport.send(isWatch ? { ...request, signal: joined(request.signal, gone) } : request)
  // A server that dies says nothing more, and has done what it has done.
  const response = await abortable(answer, gone).catch(error => {
    if (isWrite && server.died.aborted) answerLost(options, request)
    throw gone.aborted ? new ConnectionError('connection reset by peer') : error
  })
  if (isWatch) return response.status === 200 ? faultyWatch(options, request, response, gone) : response
  return isWrite ? afterWrite(options, request, response) : response
}

function answerLost({ faults, component }: FaultyTransportOptions, { method, path, body }: TransportRequest): void {
  faults.answerLost(component, method, path, body && controllerIn(body))
}

/** Uid of the controller that makes the object in a body, if it says. */
function controllerIn(body: Uint8Array): string | undefined {
  const object = JSON.parse(new TextDecoder().decode(body)) as { metadata?: KubeObject['metadata'] }
  return object.metadata?.ownerReferences?.find(owner => owner.controller)?.uid
}

const joined = (own: AbortSignal | undefined, gone: AbortSignal): AbortSignal =>
  own === undefined ? gone : AbortSignal.any([own, gone])

async function afterWrite(
  options: FaultyTransportOptions,
  request: TransportRequest,
  response: TransportResponse,
): Promise<TransportResponse> {
  const { faults, random } = options
  if (response.status < 400 && faults.happens('lostAnswer', random)) {
    answerLost(options, request)
    if (random.next() < 0.5) throw new ConnectionError('connection reset by peer')
    return statusAnswer(504, 'Timeout', 'the request timed out')
  }
  if (faults.happens('slow', random)) await pause(options, request)
  return response
}

function earlyAnswer(
  { faults, random }: FaultyTransportOptions,
  request: TransportRequest,
  isWrite: boolean,
): TransportResponse | undefined {
  if (faults.happens('internalError', random)) return statusAnswer(500, 'InternalError', 'a simulated failure')
  if (faults.happens('tooManyRequests', random)) {
    return statusAnswer(429, 'TooManyRequests', 'too many requests, please try again later', 1)
  }
  if (isWrite && request.method !== 'POST' && faults.happens('conflict', random)) {
    return statusAnswer(
      409,
      'Conflict',
      'the object has been modified; please apply your changes to the latest version',
    )
  }
  return undefined
}

async function pause(
  { clock, faults, random, signal }: FaultyTransportOptions,
  request: TransportRequest,
): Promise<void> {
  const both = joined(request.signal, signal)
  await sleep(clock, faults.delay(random), both)
}

function statusAnswer(code: number, reason: string, message: string, retryAfterSeconds?: number): TransportResponse {
  const details = retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
    ...details,
  }
  const bytes = new TextEncoder().encode(JSON.stringify(status))
  return {
    status: code,
    headers: { 'content-type': 'application/json' },
    bytes: async () => bytes,
    async *chunks() {
      yield bytes
    },
  }
}

const EXPIRED = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'too old resource version',
  reason: 'Expired',
  code: 410,
}

type End = 'closed' | 'broken' | 'expired' | undefined

function faultyWatch(
  options: FaultyTransportOptions,
  request: TransportRequest,
  response: TransportResponse,
  gone: AbortSignal,
): TransportResponse {
  const { faults, random } = options
  let end: End
  if (faults.happens('watchEnds', random)) end = random.next() < 0.5 ? 'closed' : 'broken'
  else if (faults.happens('watchExpires', random)) end = 'expired'
  // Most of a watch's life is quiet, so that it is the number of messages that counts, not the time.
  const left = end === undefined ? Number.POSITIVE_INFINITY : 1 + Math.floor(random.next() * 60)
  const progress = faults.knowledge.begin(options.component, request.path)
  return { ...response, chunks: () => faultyChunks(options, response.chunks(), { end, left, progress }, gone) }
}

async function* faultyChunks(
  options: FaultyTransportOptions,
  chunks: AsyncIterable<Piece>,
  plan: { end: End; left: number; progress: StreamProgress },
  gone: AbortSignal,
): AsyncGenerator<Piece> {
  const { faults, random, clock } = options
  const { progress } = plan
  let { left } = plan
  try {
    for await (const chunk of chunks) {
      progress.behind()
      if (faults.happens('watchDelay', random)) await sleep(clock, faults.delay(random), gone)
      if (!faults.happens('watchLoses', random)) yield chunk
      progress.waiting() // for what was lost, too: nobody will bring it
      if (--left > 0) continue
      if (plan.end === 'broken') throw new ConnectionError('connection reset by peer')
      if (plan.end === 'expired') {
        yield new TextEncoder().encode(`${JSON.stringify({ type: 'ERROR', object: EXPIRED })}\n`)
      }
      return
    }
  } catch (error) {
    throw gone.aborted ? new ConnectionError('connection reset by peer') : error
  } finally {
    progress.behind()
  }
}
