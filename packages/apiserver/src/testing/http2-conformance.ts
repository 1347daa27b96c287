/** What every implementation of HTTP/2 does for the request path, as Node's client sees it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { systemClock } from '@canopus/platform'
import type { Http2Handlers, Http2Options, Http2Session, ServeHttp2 } from '../http/http2-session.ts'
import type { ApiRequest, ApiResponse, StreamSink } from '../http/message.ts'

export interface PlainServer {
  readonly port: number
  readonly sessions: readonly Http2Session[]
  /** What could not be answered. */
  readonly failures: readonly unknown[]
  stop(): Promise<void>
}

/** Serves HTTP/2 without TLS. */
export async function servePlain(
  serve: ServeHttp2,
  handle: Http2Handlers['handle'],
  options: Partial<Http2Options> = {},
): Promise<PlainServer> {
  const sessions: Http2Session[] = []
  const failures: unknown[] = []
  const server: Server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => {})
    const facts = { remoteAddress: '', certificateVerified: false }
    const all = { maxStreams: 100, maxHeaderBytes: 1 << 20, clock: systemClock, ...options }
    sessions.push(serve(socket, facts, all, { handle, failed: error => failures.push(error) }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    failures,
    async stop() {
      for (const session of sessions) session.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

interface Answer {
  readonly headers: Record<string, unknown>
  readonly body: Buffer
}

const MEGABYTE = 1024 * 1024
const text = (value: string): Uint8Array => Buffer.from(value)
const ok = (body: ApiResponse['body'], more: Partial<ApiResponse> = {}): ApiResponse => ({
  status: 200,
  headers: { 'content-type': 'text/plain' },
  ...(body === undefined ? {} : { body }),
  ...more,
})

/** What the server under test has seen, and sinks that it was given. */
const seen = { requests: [] as ApiRequest[], sinks: [] as StreamSink[], sent: 0, waiting: [] as (() => void)[] }

const ANSWERS: Record<string, (request: ApiRequest) => ApiResponse | Promise<ApiResponse>> = {
  '/echo': async request => ok(await request.body()),
  '/length': async request => ok(text(String((await request.body()).byteLength))),
  '/ignored': () => ok(text('done')),
  '/big': () => ok(Buffer.alloc(5 * MEGABYTE, 'x')),
  '/pieces': () => ok(Array.from({ length: 20_000 }, (_, index) => text(`${index},`))),
  '/nothing': () => ok(undefined),
  '/headers': request => ok(text(JSON.stringify([request.headers, request.distinctHeaders?.()]))),
  '/many-headers': () => ok(text('x'), { headers: { long: 'y'.repeat(40_000), several: ['a', 'b'] } }),
  '/gzip': () =>
    ok([Buffer.alloc(MEGABYTE, 'x'), text('end')], { gzip: true, headers: { 'content-encoding': 'gzip' } }),
  '/sent': () => ok(text('x'), { sent: () => seen.sent++ }),
  '/close': () => ok(text('last'), { headers: { connection: 'close' } }),
  '/sink': () => ok(undefined, { stream: sink => seen.sinks.push(sink) }),
  '/stream': request =>
    new Promise(resolve => {
      let size = 0
      const body = request.bodyStream?.()
      body?.on('data', (chunk: Buffer) => {
        size += chunk.length
      })
      body?.on('end', () => resolve(ok(text(`streamed ${size}`))))
      if (body === undefined) resolve(ok(text('no body')))
    }),
  '/wait': () => new Promise(resolve => seen.waiting.push(() => resolve(ok(text('waited'))))),
  '/fails': () => Promise.reject(new Error('a fault of the server')),
}

const answer = async (request: ApiRequest): Promise<ApiResponse> => {
  seen.requests.push(request)
  return ANSWERS[request.path]!(request)
}

export function http2Conformance(name: string, serve: ServeHttp2): void {
  describe(`${name} as HTTP/2`, () => {
    let server: PlainServer
    let session: ClientHttp2Session
    const open = (options = {}): ClientHttp2Session => {
      const opened = connect(`http://127.0.0.1:${server.port}`, options)
      opened.on('error', () => {})
      return opened
    }
    const get = (path: string, headers: OutgoingHttpHeaders = {}, on = session): Promise<Answer> =>
      answered(on.request({ ':path': path, ...headers }))
    const post = (path: string, body: Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<Answer> => {
      const stream = session.request({ ':method': 'POST', ':path': path, ...headers })
      stream.end(body)
      return answered(stream)
    }
    before(async () => {
      server = await servePlain(serve, answer)
      session = open()
    })
    after(async () => {
      session.destroy()
      await server.stop()
    })

    const bodies: readonly [string, number][] = [
      ['nothing', 0],
      ['one byte', 1],
      ['a frame', 16_384],
      ['a little more than a frame', 16_385],
      ['more than any window', 3 * MEGABYTE],
    ]
    for (const [what, size] of bodies)
      it(`takes and gives a body of ${what}`, async () => {
        const body = Buffer.alloc(size, 'abcdefg')
        const { headers, body: echoed } = await post('/echo', body)
        assert.equal(headers['content-length'], String(size))
        assert.ok(body.equals(echoed))
      })

    it('refuses a body beyond the limit, announced or not', async () => {
      for (const headers of [{}, { 'content-length': 4 * MEGABYTE }]) {
        const stream = session.request({ ':method': 'POST', ':path': '/length', ...headers })
        stream.on('error', () => {})
        stream.end(Buffer.alloc(4 * MEGABYTE))
        // The handler's error is not a Status here: the stream ends.
        await new Promise(resolve => stream.on('close', resolve))
      }
      assert.equal((await get('/nothing')).headers[':status'], 200)
    })

    it('gives big answers and those of many pieces to many at once', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => get(index % 2 ? '/big' : '/pieces')))
      const pieces = Array.from({ length: 20_000 }, (_, index) => `${index},`).join('')
      for (const [index, { body }] of answers.entries())
        assert.ok(index % 2 ? body.length === 5 * MEGABYTE : body.toString() === pieces, `answer ${index}`)
    })

    it('sends date and length, no body where none is wanted, and the right status', async () => {
      const head = await answered(session.request({ ':path': '/big', ':method': 'HEAD' }))
      assert.equal(head.headers['content-length'], String(5 * MEGABYTE))
      assert.equal(head.body.length, 0)
      assert.ok(Math.abs(Date.parse(String(head.headers.date)) - systemClock.now()) < 5000)
      assert.equal((await get('/nothing')).body.length, 0)
    })

    it('passes headers on, also those that come again and again', async () => {
      const long = 'z'.repeat(30_000)
      for (let round = 0; round < 3; round++) {
        const sent = { 'x-one': 'a', 'x-two': ['b', 'c'], cookie: ['d=1', 'e=2'], 'x-long': long, constructor: 'f' }
        const [headers, distinct] = JSON.parse((await get('/headers?q=ü', sent)).body.toString())
        assert.equal(headers['x-one'], 'a')
        assert.equal(headers['x-two'], 'b, c')
        assert.deepEqual(distinct['x-two'], ['b', 'c'])
        assert.equal(headers.cookie, 'd=1; e=2')
        assert.equal(headers['x-long'], long)
        assert.equal(headers.constructor, 'f')
        assert.equal(headers[':method'], 'GET')
        assert.equal(headers[':authority'], `127.0.0.1:${server.port}`)
      }
      assert.deepEqual([seen.requests.at(-1)!.path, seen.requests.at(-1)!.method], ['/headers', 'GET'])
      assert.ok(seen.requests.at(-1)!.hasHeaderLike!('x-lo'))
      assert.ok(!seen.requests.at(-1)!.hasHeaderLike!('impersonate'))
    })

    it('sends many headers', async () => {
      const { headers } = await get('/many-headers')
      assert.equal(String(headers.long).length, 40_000)
      assert.equal(headers.several, 'a, b')
    })

    it('compresses', async () => {
      const { body } = await get('/gzip')
      assert.equal(gunzipSync(body).length, MEGABYTE + 3)
    })

    it('tells when an answer has left', async () => {
      const before = seen.sent
      await get('/sent')
      await eventually(() => seen.sent === before + 1)
    })

    it('ends a stream that cannot be answered, and tells why', async () => {
      const { headers } = await get('/fails')
      assert.equal(headers[':status'], undefined)
      assert.match(String(server.failures.at(-1)), /a fault of the server/)
      assert.equal((await get('/nothing')).headers[':status'], 200)
    })

    it('answers before a body has come that nobody reads', async () => {
      const { headers, body } = await post('/ignored', Buffer.alloc(MEGABYTE))
      assert.deepEqual([headers[':status'], body.toString()], [200, 'done'])
    })

    it('takes trailers for the end of a body', async () => {
      const stream = session.request({ ':method': 'POST', ':path': '/echo' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-after': 'all' }))
      stream.end('body')
      assert.equal((await answered(stream)).body.toString(), 'body')
    })

    it('hands a body on as a stream', async () => {
      assert.equal((await post('/stream', Buffer.alloc(2 * MEGABYTE))).body.toString(), `streamed ${2 * MEGABYTE}`)
      assert.equal((await get('/stream')).body.toString(), 'no body')
    })

    it('streams an answer, and hears that its reader has gone', async () => {
      const stream = session.request({ ':path': '/sink' })
      const sink = await given(seen.sinks)
      sink.write(text('one'))
      assert.equal(String((await once(stream, 'data'))[0]), 'one')
      sink.write(text('two'))
      assert.equal(String((await once(stream, 'data'))[0]), 'two')
      const closed = new Promise<void>(resolve => sink.onClose(resolve))
      stream.close(8)
      await closed
      assert.ok(sink.closed)
      assert.equal(sink.write(text('three')), false)
    })

    it('ends a streamed answer', async () => {
      const stream = session.request({ ':path': '/sink' })
      const sink = await given(seen.sinks)
      const closed = new Promise<void>(resolve => sink.onClose(resolve))
      sink.write(text('all of it'))
      sink.end()
      assert.equal((await answered(stream)).body.toString(), 'all of it')
      await closed
    })

    it('holds a writer back whose reader is slow, and lets it go on', async () => {
      const other = open({ settings: { initialWindowSize: 1000 } })
      const stream = other.request({ ':path': '/sink' })
      const sink = await given(seen.sinks)
      stream.pause()
      const chunk = Buffer.alloc(50_000, 'x')
      let written = 1
      let copied = 0
      while (sink.write(chunk, () => copied++)) written++
      assert.ok(written < 100, `${written} chunks`)
      const drained = new Promise<void>(resolve => sink.onDrain(resolve))
      let size = 0
      stream.on('data', (part: Buffer) => {
        size += part.length
      })
      stream.resume()
      await drained
      sink.end()
      await once(stream, 'end')
      assert.equal(size, written * chunk.length)
      await eventually(() => copied === written)
      other.destroy()
    })

    it('says when a client has gone with a request under way', async () => {
      const other = open()
      other.request({ ':path': '/wait' }).on('error', () => {})
      const finish = await given(seen.waiting)
      const request = seen.requests.at(-1)!
      assert.equal(request.gone!(), false)
      other.destroy()
      await eventually(() => request.gone!())
      finish()
    })

    it('has no body where the connection ends within', async () => {
      const other = open()
      const stream = other.request({ ':method': 'POST', ':path': '/echo' })
      stream.on('error', () => {})
      const failures = server.failures.length
      const requests = seen.requests.length
      await new Promise(resolve => stream.write('not all', resolve))
      await eventually(() => seen.requests.length > requests)
      other.destroy()
      await assert.rejects(Promise.resolve(seen.requests.at(-1)!.body()))
      assert.equal(server.failures.length, failures, 'nobody is to blame')
    })

    it('lets go of a connection after its last answer', async () => {
      const other = open()
      const gone = once(other, 'goaway')
      const closed = once(other, 'close')
      const [slow, last] = [get('/wait', {}, other), get('/close', {}, other)]
      assert.equal((await last).body.toString(), 'last')
      await gone
      ;(await given(seen.waiting))()
      assert.equal((await slow).body.toString(), 'waited')
      await closed
    })

    it('takes no more requests at once than it says', async () => {
      const strict = await servePlain(serve, answer, { maxStreams: 2 })
      const other = connect(`http://127.0.0.1:${strict.port}`)
      await once(other, 'remoteSettings')
      assert.equal(other.remoteSettings.maxConcurrentStreams, 2)
      const answers = Array.from({ length: 10 }, () => get('/nothing', {}, other))
      for (const { headers } of await Promise.all(answers)) assert.equal(headers[':status'], 200)
      other.destroy()
      await strict.stop()
    })
  })
}

/** The whole answer; without headers where there is none. */
function answered(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let headers = {}
    stream.on('response', each => {
      headers = each
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('close', () => resolve({ headers, body: Buffer.concat(chunks) }))
  })
}

/** The next one that somebody puts into the list. */
async function given<T>(list: T[]): Promise<T> {
  await eventually(() => list.length > 0)
  return list.shift()!
}

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setImmediate(resolve))
}
