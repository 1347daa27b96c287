import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { ClientConnection } from './client-connection.ts'

/** Answers pings at once while it is alive. */
class Session extends EventEmitter {
  alive = true
  closed = false
  destroyed = false
  pings = 0
  request = (): EventEmitter => new EventEmitter()

  ping(done: (error: Error | null) => void): void {
    this.pings++
    if (this.alive) done(null)
  }

  close(): void {
    this.closed = true
    this.emit('close')
  }

  destroy(error?: Error): void {
    this.destroyed = true
    if (error !== undefined) this.emit('error', error)
    this.emit('close')
  }
}

function setUp(): { clock: SimulatedClock; session: Session; shared: ClientConnection; ask(): ClientHttp2Stream } {
  const clock = new SimulatedClock()
  const session = new Session()
  const shared = new ClientConnection(session as unknown as ClientHttp2Session, clock, () => {})
  return { clock, session, shared, ask: () => shared.request({ ':path': '/' }, true) }
}

describe('an HTTP/2 connection', () => {
  it('is asked whether it lives where nothing has come for 30 seconds', async () => {
    const { clock, session, ask } = setUp()
    const stream = ask()
    await clock.advance(20_000)
    stream.emit('response', {})
    await clock.advance(29_999)
    assert.equal(session.pings, 0)
    await clock.advance(1)
    assert.equal(session.pings, 1)
    await clock.advance(30_000)
    assert.equal(session.pings, 2)
    assert.equal(session.destroyed, false)
  })

  it('is dead where no answer comes for 15 seconds', async () => {
    const { clock, session, shared, ask } = setUp()
    session.alive = false
    ask()
    await clock.advance(44_999)
    assert.equal(shared.usable, true)
    await clock.advance(1)
    assert.equal(shared.usable, false)
  })

  it('ends where nobody has asked for 90 seconds', async () => {
    const { clock, session, ask } = setUp()
    const streams = [ask(), ask()]
    await clock.advance(200_000)
    streams[0]!.emit('close')
    await clock.advance(200_000)
    assert.equal(session.closed, false)
    streams[1]!.emit('close')
    await clock.advance(80_000)
    const last = ask()
    await clock.advance(80_000)
    last.emit('close')
    await clock.advance(89_999)
    assert.equal(session.closed, false)
    await clock.advance(1)
    assert.equal(session.closed, true)
  })

  it('that the server leaves takes no more requests', () => {
    const { session, shared } = setUp()
    session.emit('goaway', 0, 3)
    assert.equal(shared.usable, false)
    const of = (id: number | undefined): boolean => shared.leftOut({ id } as ClientHttp2Stream)
    assert.deepEqual([of(1), of(3), of(5), of(undefined)], [false, false, true, true])
  })
})
