import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import type { Logger } from '@canopus/base'
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet'
import { type ClusterView, type DnsRecord, nameServerOf, type Resolution, resolve } from './records.ts'

export interface DnsServerOptions {
  view: ClusterView
  /** For example `cluster.local`. */
  domain: string
  address: string
  port: number
  /** Answers what is not the cluster's; absent where nobody may be asked. */
  forward?: Forwarder
  logger: Logger
}

/** Asks others, in the way in which the question came: what does not fit into a datagram is asked for again over a stream. */
export type Forwarder = (query: Uint8Array, transport: 'udp' | 'tcp') => Promise<Uint8Array>

/** Seconds that answers may be kept: endpoints come and go. */
const TTL = 5
const CLASSIC_UDP_LIMIT = 512
const RCODE = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const

/** Serves the cluster's zone over UDP and TCP. Rejects where the address is taken. */
export async function startDnsServer(options: DnsServerOptions): Promise<{ stop(): Promise<void> }> {
  const udp = await listenUdp(options)
  const tcp = await listenTcp(options)
  return {
    async stop() {
      await Promise.all([
        new Promise<void>(done => udp.close(() => done())),
        new Promise<void>(done => tcp.close(() => done())),
      ])
    },
  }
}

function listenUdp(options: DnsServerOptions): Promise<UdpSocket> {
  const socket = createSocket('udp4')
  socket.on('message', (message, peer) => {
    void respond(options, message, 'udp').then(response => {
      if (response) socket.send(response, peer.port, peer.address)
    })
  })
  return new Promise((resolveListening, reject) => {
    socket.once('error', reject)
    socket.bind(options.port, options.address, () => {
      socket.off('error', reject)
      socket.on('error', error => options.logger.warn('dns socket error', { error }))
      resolveListening(socket)
    })
  })
}

function listenTcp(options: DnsServerOptions): Promise<Server> {
  const open = new Set<Socket>()
  const server = createServer(socket => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    serveStream(options, socket)
  })
  server.once('close', () => open.clear())
  const close = server.close.bind(server)
  server.close = callback => {
    for (const socket of open) socket.destroy()
    return close(callback)
  }
  return new Promise((resolveListening, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, () => resolveListening(server))
  })
}

function serveStream(options: DnsServerOptions, socket: Socket): void {
  let pending = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const message = pending.subarray(2, 2 + pending.readUInt16BE(0))
      pending = pending.subarray(2 + message.length)
      void respond(options, message, 'tcp').then(response => {
        if (!response || socket.destroyed) return
        const length = Buffer.alloc(2)
        length.writeUInt16BE(response.length)
        socket.write(Buffer.concat([length, response]))
      })
    }
  })
}

/** The response to one query; nothing for what is no query at all. */
export async function respond(
  options: Omit<DnsServerOptions, 'address' | 'port'>,
  message: Uint8Array,
  transport: 'udp' | 'tcp',
): Promise<Uint8Array | undefined> {
  let query: Packet
  try {
    query = decode(Buffer.from(message))
  } catch {
    return message.length < 12 ? undefined : unreadable(message)
  }
  const question = query.questions?.[0]
  if (query.type === 'response' || !question) return undefined
  try {
    const resolution = resolve(
      options.view,
      options.domain,
      question.name.toLowerCase().replace(/\.$/, ''),
      question.type,
    )
    if (resolution.outcome === 'not-ours')
      return options.forward ? await options.forward(message, transport) : failure(query, RCODE.refused)
    return fit(await ourAnswer(options, query, question, resolution), limitOf(query, transport))
  } catch (error) {
    options.logger.warn('dns query failed', { name: question.name, type: question.type, error })
    return failure(query, RCODE.serverFailure)
  }
}

async function ourAnswer(
  options: Pick<DnsServerOptions, 'domain' | 'view' | 'forward'>,
  query: Packet,
  question: Question,
  resolution: Exclude<Resolution, { outcome: 'not-ours' }>,
): Promise<Packet & { rcode: number }> {
  const records = resolution.outcome === 'answer' ? resolution.records : []
  const answers = records.map(record => wireForm(record, question.name))
  const chased = await chase(options, records, question)
  const extra = records.flatMap(record => (record.type === 'SRV' ? targetAddresses(options, record.target) : []))
  const edns = query.additionals?.some(each => each.type === 'OPT') ? [optRecord()] : []
  return {
    type: 'response',
    id: query.id ?? 0,
    flags: AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | ((query.flags ?? 0) & RECURSION_DESIRED),
    rcode: resolution.outcome === 'no-such-name' ? RCODE.noSuchName : RCODE.ok,
    questions: [question],
    answers: [...answers, ...chased],
    authorities: answers.length === 0 ? [startOfAuthority(options.domain)] : [],
    additionals: [...extra, ...edns],
  }
}

/** Follows a CNAME (ExternalName) to its addresses, in the cluster or outside. */
async function chase(
  options: Pick<DnsServerOptions, 'domain' | 'view' | 'forward'>,
  records: readonly DnsRecord[],
  question: Question,
): Promise<Answer[]> {
  const alias = records.find(record => record.type === 'CNAME')
  if (alias?.type !== 'CNAME' || (question.type !== 'A' && question.type !== 'AAAA')) return []
  const inside = resolve(options.view, options.domain, alias.target.toLowerCase(), question.type)
  if (inside.outcome === 'answer') return inside.records.map(record => wireForm(record, alias.target))
  if (inside.outcome === 'no-such-name' || !options.forward) return []
  const query = encode({
    type: 'query',
    id: 1,
    flags: RECURSION_DESIRED,
    questions: [{ type: question.type, name: alias.target }],
  })
  return options.forward(query, 'udp').then(
    response => decode(Buffer.from(response)).answers ?? [],
    () => [],
  )
}

function targetAddresses(options: Pick<DnsServerOptions, 'domain' | 'view'>, target: string): Answer[] {
  const found = resolve(options.view, options.domain, target, 'ANY')
  return found.outcome === 'answer'
    ? found.records
        .filter(record => record.type === 'A' || record.type === 'AAAA')
        .map(record => wireForm(record, target))
    : []
}

function wireForm(record: DnsRecord, name: string): Answer {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return { type: record.type, name, ttl: TTL, class: 'IN', data: record.address }
    case 'SRV':
      return {
        type: 'SRV',
        name,
        ttl: TTL,
        class: 'IN',
        data: { priority: 0, weight: Math.floor(100 / record.targets), port: record.port, target: record.target },
      }
    case 'SOA':
      return startOfAuthority(record.name)
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { type: record.type, name, ttl: TTL, class: 'IN', data: record.target }
    case 'TXT':
      return { type: 'TXT', name, ttl: TTL, class: 'IN', data: record.text }
  }
}

function startOfAuthority(domain: string): Answer {
  return {
    type: 'SOA',
    name: domain,
    ttl: TTL,
    class: 'IN',
    data: {
      mname: nameServerOf(domain),
      rname: `hostmaster.${domain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86400,
      minimum: TTL,
    },
  }
}

function optRecord(): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: 1232,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as Answer
}

function limitOf(query: Packet, transport: 'udp' | 'tcp'): number {
  if (transport === 'tcp') return 65_535
  const opt = query.additionals?.find(each => each.type === 'OPT')
  return opt?.type === 'OPT' ? Math.max(CLASSIC_UDP_LIMIT, Math.min(4096, opt.udpPayloadSize)) : CLASSIC_UDP_LIMIT
}

/** Encodes a response, dropping answers and saying so (TC) where they do not fit: the client comes back over TCP. */
function fit(packet: Packet & { rcode: number }, limit: number): Uint8Array {
  const whole = withRcode(encode(packet), packet.rcode)
  if (whole.length <= limit) return whole
  return withRcode(
    encode({ ...packet, flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE, answers: [], additionals: [] }),
    packet.rcode,
  )
}

function withRcode(bytes: Buffer, rcode: number): Buffer {
  bytes[3] = (bytes[3]! & 0xf0) | rcode
  return bytes
}

/** A response with an error code and the question, by which clients know it. */
function failure(query: Packet, rcode: number): Uint8Array {
  const flags = RECURSION_AVAILABLE | ((query.flags ?? 0) & RECURSION_DESIRED)
  const { id = 0, questions = [] } = query
  return withRcode(encode({ type: 'response', id, flags, questions }), rcode)
}

/** A response to what could not be understood: nothing but its id. */
function unreadable(message: Uint8Array): Uint8Array {
  const response = Buffer.from(message.subarray(0, 12))
  response[2] = (response[2]! & 0x79) | 0x80
  response[3] = 0x80 | RCODE.formatError
  response.fill(0, 4, 12)
  return response
}
