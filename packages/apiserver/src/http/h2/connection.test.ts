/** What clients may not do, frame by frame. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '@canopus/base'
import fc from 'fast-check'
import { type PlainServer, servePlain } from '../../testing/http2-conformance.ts'
import type { ApiRequest, ApiResponse } from '../message.ts'
import { serveHttp2 } from './connection.ts'
import { CODE, FLAG, FRAME, FrameReader, HEAD_BYTES, numbersFrame, PREFACE, writeHead } from './frames.ts'

const END = FLAG.endStream | FLAG.endHeaders

function frame(type: number, flags: number, id: number, payload: Uint8Array | string = ''): Buffer {
  const bytes = Buffer.from(payload)
  const result = Buffer.alloc(HEAD_BYTES + bytes.length)
  writeHead(result, 0, bytes.length, type, flags, id)
  result.set(bytes, HEAD_BYTES)
  return result
}

const literal = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
const header = (name: string, value: string): Buffer => Buffer.concat([Buffer.from([0]), literal(name), literal(value)])
/** :method and :scheme by their numbers, :path written out. */
const block = (path: string, method = 0x82, ...more: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([method, 0x87, 0x04]), literal(path), ...more])
const POST = 0x83
const get = (id: number, path = '/', flags: number = END): Buffer => frame(FRAME.headers, flags, id, block(path))
const post = (id: number, ...more: readonly Buffer[]): Buffer =>
  frame(FRAME.headers, FLAG.endHeaders, id, block('/', POST, ...more))
const SETTINGS = frame(FRAME.settings, 0, 0)
const setting = (name: number, value: number): Buffer =>
  frame(FRAME.settings, 0, 0, Buffer.from([0, name, ...numbersFrame(0, 0, 0, value).subarray(HEAD_BYTES)]))
const window = (id: number, more: number): Buffer => numbersFrame(FRAME.windowUpdate, 0, id, more)
const ping = frame(FRAME.ping, 0, 0, '12345678')

interface Seen {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly payload: Buffer
}

/** A client that sends what it is told and keeps what it hears. */
class Client {
  readonly socket: Socket
  readonly seen: Seen[] = []
  closed = false
  readonly #reader = new FrameReader((type, flags, id, payload) =>
    this.seen.push({ type, flags, id, payload: Buffer.from(payload) }),
  )

  constructor(port: number, ...frames: readonly Buffer[]) {
    this.socket = connect({ host: '127.0.0.1', port })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
    })
    this.#reader.read(PREFACE)
    this.socket.on('data', (chunk: Buffer) => this.#reader.read(chunk))
    this.send(PREFACE, SETTINGS, ...frames)
  }

  send(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  /** Waits for a frame of this type. */
  async heard(type: number, id?: number): Promise<Seen> {
    for (;;) {
      const found = this.seen.find(each => each.type === type && (id === undefined || each.id === id))
      if (found !== undefined) return found
      assert.ok(!this.closed, 'the connection ended')
      await Promise.race([once(this.socket, 'data'), once(this.socket, 'close')])
    }
  }
}

let server: PlainServer
/** Requests that wait for their answer. */
const waiting: { request: ApiRequest; answer(response: ApiResponse): void }[] = []
const handle = async (request: ApiRequest): Promise<ApiResponse> => {
  if (request.path === '/wait') return new Promise(answer => waiting.push({ request, answer }))
  const body = await Promise.resolve(request.body()).catch((error: Error) => error)
  if (body instanceof Error) return { status: 413, headers: {}, body: Buffer.from(body.message) }
  return { status: 200, headers: {}, body: Buffer.from(`${request.path} ${body.byteLength}`) }
}
before(async () => {
  server = await servePlain(serveHttp2, handle, { maxStreams: 10, maxHeaderBytes: 60_000 })
})
after(() => server.stop())

async function withClient(frames: readonly Buffer[], use: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client(server.port, ...frames)
  try {
    await use(client)
  } finally {
    client.socket.destroy()
  }
}

describe('a connection ends with its reason', () => {
  const padded = frame(FRAME.data, FLAG.padded, 1, Buffer.from([9, 0, 0]))
  const half = get(1, '/', FLAG.endStream)
  const rows: readonly [string, readonly Buffer[], number][] = [
    ['a frame that is too long', [frame(FRAME.data, 0, 1, Buffer.alloc(16_385))], CODE.frameSize],
    ['a stream of an even number', [get(2)], CODE.protocol],
    ['headers of no stream', [get(0)], CODE.protocol],
    ['a body of a stream that was not opened', [frame(FRAME.data, 0, 1, 'x')], CODE.protocol],
    ['a reset of one', [numbersFrame(FRAME.reset, 0, 1, 8)], CODE.protocol],
    ['a window of one', [window(1, 1)], CODE.protocol],
    ['a stream that comes before another', [get(3), get(1)], CODE.streamClosed],
    [
      'headers of a request that is over',
      [get(1, '/wait'), numbersFrame(FRAME.reset, 0, 1, 8), get(1)],
      CODE.streamClosed,
    ],
    ['headers that something interrupts', [half, ping], CODE.protocol],
    ['headers that another stream interrupts', [half, get(3)], CODE.protocol],
    ['what continues nothing', [frame(FRAME.continuation, FLAG.endHeaders, 1, 'x')], CODE.protocol],
    ['a header block that cannot be read', [frame(FRAME.headers, END, 1, Buffer.from([0x80]))], CODE.compression],
    ['more padding than there is', [post(1), padded], CODE.protocol],
    ['a promise', [frame(FRAME.pushPromise, FLAG.endHeaders, 1, 'abcd')], CODE.protocol],
    ['settings of a stream', [frame(FRAME.settings, 0, 1)], CODE.protocol],
    ['settings of the wrong size', [frame(FRAME.settings, 0, 0, 'abc')], CODE.frameSize],
    ['an answer to settings that says something', [frame(FRAME.settings, 1, 0, 'abcdef')], CODE.frameSize],
    ['push that is neither on nor off', [setting(2, 2)], CODE.protocol],
    ['a window that is too big from the start', [setting(4, 2 ** 31)], CODE.flowControl],
    ['frames of no size', [setting(5, 100)], CODE.protocol],
    ['a ping of a stream', [frame(FRAME.ping, 0, 1, '12345678')], CODE.protocol],
    ['a short ping', [frame(FRAME.ping, 0, 0, '1234')], CODE.frameSize],
    ['a window that grows by nothing', [window(0, 0)], CODE.protocol],
    ['a window that grows too much', [window(0, 2 ** 31 - 1)], CODE.flowControl],
    ['a stream that goes away', [frame(FRAME.goAway, 0, 1, '12345678')], CODE.protocol],
    [
      'headers that are longer than any',
      [half, ...Array<Buffer>(5).fill(frame(FRAME.continuation, 0, 1, Buffer.alloc(16_384)))],
      CODE.enhanceYourCalm,
    ],
    [
      'headers in no end of frames (CVE-2024-27316)',
      [half, ...Array<Buffer>(300).fill(frame(FRAME.continuation, 0, 1))],
      CODE.enhanceYourCalm,
    ],
    ['pings without end', Array<Buffer>(20_000).fill(ping), CODE.enhanceYourCalm],
    ['settings without end', Array<Buffer>(20_000).fill(SETTINGS), CODE.enhanceYourCalm],
    [
      'empty frames without end',
      [post(1), ...Array<Buffer>(20_000).fill(frame(FRAME.data, 0, 1))],
      CODE.enhanceYourCalm,
    ],
    [
      'requests that are taken back without end (CVE-2023-44487)',
      Array.from({ length: 2000 }, (_, n) =>
        Buffer.concat([get(2 * n + 1), numbersFrame(FRAME.reset, 0, 2 * n + 1, 8)]),
      ),
      CODE.enhanceYourCalm,
    ],
    [
      'requests that make us take them back without end (CVE-2025-8671)',
      Array.from({ length: 2000 }, (_, n) => Buffer.concat([post(2 * n + 1), window(2 * n + 1, 0)])),
      CODE.enhanceYourCalm,
    ],
  ]
  for (const [what, frames, code] of rows)
    it(what, () =>
      withClient(frames, async client => {
        const { payload } = await client.heard(FRAME.goAway)
        assert.equal(payload.readUInt32BE(4), code)
        if (!client.closed) await once(client.socket, 'close')
      }),
    )

  it('no HTTP/2 at all', async () => {
    const socket = connect({ host: '127.0.0.1', port: server.port })
    socket.on('error', () => {})
    socket.resume()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
  })
})

describe('a stream ends with its reason, the connection goes on', () => {
  const length = header('content-length', '5')
  const rows: readonly [string, readonly Buffer[], number][] = [
    ['no path', [frame(FRAME.headers, END, 1, Buffer.from([0x82, 0x87]))], CODE.protocol],
    ['a path that is none', [get(1, 'x')], CODE.protocol],
    ['two methods', [frame(FRAME.headers, END, 1, block('/', 0x82, Buffer.from([0x83])))], CODE.protocol],
    [
      'a pseudo-header of answers',
      [frame(FRAME.headers, END, 1, block('/', 0x82, Buffer.from([0x88])))],
      CODE.protocol,
    ],
    [
      'a pseudo-header among the others',
      [frame(FRAME.headers, END, 1, Buffer.concat([header('a', 'b'), block('/')]))],
      CODE.protocol,
    ],
    ['capitals', [frame(FRAME.headers, END, 1, block('/', 0x82, header('A', 'b')))], CODE.protocol],
    [
      'a length that is none',
      [frame(FRAME.headers, END, 1, block('/', 0x82, header('content-length', 'x')))],
      CODE.protocol,
    ],
    ['a body that is too short', [post(1, length), frame(FRAME.data, 1, 1, 'abc')], CODE.protocol],
    ['a body that is too long', [post(1, length), frame(FRAME.data, 1, 1, 'abcdef')], CODE.protocol],
    ['a body that is announced and missing', [frame(FRAME.headers, END, 1, block('/', POST, length))], CODE.protocol],
    ['a body of a request that was over', [get(1, '/wait'), frame(FRAME.data, 0, 1, 'x')], CODE.streamClosed],
    ['trailers that are not the end', [post(1), post(1)], CODE.protocol],
    ['a window that grows by nothing', [post(1), window(1, 0)], CODE.protocol],
    ['a window that grows too much', [post(1), window(1, 2 ** 31 - 1)], CODE.flowControl],
    [
      'more of a body than there is room for',
      [
        frame(FRAME.headers, FLAG.endHeaders, 1, block('/wait', POST)),
        ...Array<Buffer>(17).fill(frame(FRAME.data, 0, 1, Buffer.alloc(16_384))),
      ],
      CODE.flowControl,
    ],
  ]
  for (const [what, frames, code] of rows)
    it(what, () =>
      withClient(frames, async client => {
        const { payload } = await client.heard(FRAME.reset, 1)
        assert.equal(payload.readUInt32BE(0), code)
        client.send(get(3, '/next'))
        assert.equal((await client.heard(FRAME.data, 3)).payload.toString(), '/next 0')
      }),
    )

  it('more requests at once than are allowed', () =>
    withClient(
      Array.from({ length: 11 }, (_, n) => get(2 * n + 1, '/wait')),
      async client => {
        assert.equal((await client.heard(FRAME.reset, 21)).payload.readUInt32BE(0), CODE.refused)
      },
    ))

  it('headers that unfold to too much are refused as by Go', () => {
    const long = frame(
      FRAME.headers,
      END,
      1,
      block('/', 0x82, Buffer.from([0x40]), literal('a'), literal('x'.repeat(100)), Buffer.alloc(1000, 0xbe)),
    )
    return withClient([long], async client => {
      assert.match((await client.heard(FRAME.data, 1)).payload.toString(), /431.*Too Large/)
      client.send(get(3, '/next'))
      assert.equal((await client.heard(FRAME.data, 3)).payload.toString(), '/next 0')
    })
  })
})

describe('what clients may do', () => {
  it('answers pings and settings, and passes over what it does not know', () =>
    withClient([ping, frame(99, 255, 7, 'what'), frame(FRAME.priority, 0, 9, 'abcde')], async client => {
      assert.equal((await client.heard(FRAME.ping)).payload.toString(), '12345678')
      client.send(get(1))
      await client.heard(FRAME.data, 1)
      assert.ok(client.seen.some(({ type, flags }) => type === FRAME.settings && flags === FLAG.acknowledged))
    }))

  it('reads headers with padding and priority, in several frames', () => {
    const bytes = block('/parts')
    const first = Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 5]), bytes.subarray(0, 4), Buffer.alloc(3)])
    const flags = FLAG.endStream | FLAG.padded | FLAG.priority
    const frames = [
      frame(FRAME.headers, flags, 1, first),
      frame(FRAME.continuation, FLAG.endHeaders, 1, bytes.subarray(4)),
    ]
    return withClient(frames, async client => {
      assert.equal((await client.heard(FRAME.data, 1)).payload.toString(), '/parts 0')
    })
  })

  it('reads a connection that comes byte by byte', () =>
    withClient([], async client => {
      client.socket.setNoDelay(true)
      for (const byte of Buffer.concat([post(1), frame(FRAME.data, 1, 1, 'abc')])) client.send(Buffer.from([byte]))
      assert.equal((await client.heard(FRAME.data, 1)).payload.toString(), '/ 3')
    }))

  it('gives the client its windows back, padding included', () =>
    withClient([post(1)], async client => {
      for (let sent = 0; sent < 100; sent++)
        client.send(frame(FRAME.data, FLAG.padded, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(8000)])))
      client.send(frame(FRAME.data, FLAG.endStream, 1))
      await client.heard(FRAME.data, 1)
      const given = client.seen.filter(({ type, id }) => type === FRAME.windowUpdate && id === 1)
      assert.ok(given.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 256 * 1024) >= 800_000)
    }))

  it('says to go on where a client waits for that before it sends its body', () =>
    withClient([post(1, header('expect', '100-continue'))], async client => {
      assert.ok((await client.heard(FRAME.headers, 1)).payload.includes('100'))
      client.send(frame(FRAME.data, FLAG.endStream, 1, 'abc'))
      assert.equal((await client.heard(FRAME.data, 1)).payload.toString(), '/ 3')
    }))

  it('hears that it need not go on with a body only after the answer', () =>
    withClient([post(1, header('content-length', '9000000'))], async client => {
      assert.match((await client.heard(FRAME.data, 1)).payload.toString(), /too large/)
      assert.equal((await client.heard(FRAME.reset, 1)).payload.readUInt32BE(0), CODE.none)
      assert.deepEqual(
        client.seen.filter(({ id }) => id === 1).map(({ type }) => type),
        [FRAME.headers, FRAME.data, FRAME.reset],
      )
      client.send(frame(FRAME.data, 0, 1, 'more'), get(3, '/next'))
      assert.equal((await client.heard(FRAME.data, 3)).payload.toString(), '/next 0')
    }))

  it('waits with a body for windows, and heeds one that shrinks', () =>
    withClient([setting(4, 3), get(1, '/wait')], async client => {
      while (waiting.length === 0) await setImmediate()
      client.send(setting(4, 1), ping)
      await client.heard(FRAME.ping)
      for (const { answer } of waiting.splice(0)) answer({ status: 200, headers: {}, body: Buffer.from('abcdef') })
      assert.equal((await client.heard(FRAME.data, 1)).payload.toString(), 'a')
      client.send(window(1, 2))
      while (client.seen.filter(({ type }) => type === FRAME.data).length < 2) await once(client.socket, 'data')
      client.send(setting(4, 100))
      while (!client.seen.some(({ type, flags }) => type === FRAME.data && flags === 1))
        await once(client.socket, 'data')
      const parts = client.seen.filter(({ type }) => type === FRAME.data).map(({ payload }) => payload.toString())
      assert.deepEqual(parts, ['a', 'bc', 'def'])
    }))
})

describe('a client that', () => {
  const begin = (): { clock: SimulatedClock; socket: Duplex } => {
    const clock = new SimulatedClock()
    const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() })
    const handlers = { handle: () => Promise.reject(new Error('not asked')), failed: () => {} }
    serveHttp2(
      socket,
      { remoteAddress: '', certificateVerified: false },
      { maxStreams: 10, maxHeaderBytes: 60_000, clock },
      handlers,
    )
    return { clock, socket }
  }
  const cases: [string, Buffer[], boolean][] = [
    ['says nothing is cut off after ten seconds', [], true],
    ['says no more than how it begins, too', [PREFACE], true],
    ['has said its settings may wait', [PREFACE, SETTINGS], false],
  ]
  for (const [name, frames, expected] of cases)
    it(name, async () => {
      const { clock, socket } = begin()
      if (frames.length > 0) socket.push(Buffer.concat(frames))
      await setImmediate()
      await clock.advance(9_999)
      assert.equal(socket.destroyed, false)
      await clock.advance(1)
      assert.equal(socket.destroyed, expected)
      socket.destroy()
    })
})

describe('a connection on which nothing is asked for', () => {
  const seconds = 1000
  it('is left after a minute and a half, counted from its last request', async () => {
    const clock = new SimulatedClock()
    const sent: Buffer[] = []
    const socket = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        sent.push(Buffer.from(chunk))
        done()
      },
    })
    const answers: ((response: ApiResponse) => void)[] = []
    const handlers = { handle: () => new Promise<ApiResponse>(answer => answers.push(answer)), failed: () => {} }
    const facts = { remoteAddress: '', certificateVerified: false }
    serveHttp2(socket, facts, { maxStreams: 10, maxHeaderBytes: 60_000, clock }, handlers)
    const leaves = (): boolean => {
      const types: number[] = []
      const reader = new FrameReader(type => types.push(type))
      reader.read(PREFACE)
      reader.read(Buffer.concat(sent))
      return types.includes(FRAME.goAway)
    }
    socket.push(Buffer.concat([PREFACE, SETTINGS, get(1, '/')]))
    await setImmediate()
    await clock.advance(200 * seconds)
    answers[0]!({ status: 200, headers: {} })
    await setImmediate()
    await clock.advance(89 * seconds)
    assert.equal(leaves(), false)
    await clock.advance(91 * seconds)
    assert.equal(leaves(), true)
    socket.destroy()
  })
})

describe('whatever comes', () => {
  const id = fc.nat(12)
  const payload = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes))
  const any = fc
    .tuple(fc.nat(10), fc.nat(255), id, payload)
    .map(([type, flags, stream, bytes]) => frame(type, flags, stream, bytes))
  const good = fc.oneof(
    id.map(n => get(n, '/wait')),
    id.map(n => post(n)),
    fc.tuple(id, fc.nat(1), payload).map(([n, flags, bytes]) => frame(FRAME.data, flags, n, bytes)),
    id.map(n => window(n, 1000)),
    fc.nat(3).map(n => setting(4, n)),
    id.map(n => numbersFrame(FRAME.reset, 0, n, 8)),
    fc.constant(ping),
  )

  it('the server goes on for others', async () => {
    const connection = fc.array(fc.oneof({ weight: 5, arbitrary: good }, any), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(connection, fc.nat(50), async (frames, cut) => {
        const client = new Client(server.port)
        const all = Buffer.concat(frames)
        client.send(all.subarray(0, cut))
        client.send(all.subarray(cut), ping)
        await Promise.race([client.heard(FRAME.ping), once(client.socket, 'close')]).catch(() => {})
        client.socket.destroy()
        for (const { answer } of waiting.splice(0)) answer({ status: 200, headers: {}, body: Buffer.alloc(100) })
      }),
      { numRuns: 200 },
    )
    assert.deepEqual(server.failures, [])
    await withClient([get(1, '/next')], async client => {
      assert.equal((await client.heard(FRAME.data, 1)).payload.toString(), '/next 0')
    })
  })
})
