import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { SimulatedClock, silentLogger } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import { type Answer, decode, encode, type Packet, streamDecode, streamEncode, TRUNCATED_RESPONSE } from 'dns-packet'
import { createForwarder } from './forward.ts'
import type { ClusterView } from './records.ts'
import { type Forwarder, respond } from './server.ts'

const view: ClusterView = {
  service: () => undefined,
  slices: () => [],
  namespaceExists: namespace => namespace === 'default',
  serviceByAddress: () => undefined,
  slicesByAddress: () => [],
}
const ask = (name: string, type: 'A' | 'SOA' = 'A'): Buffer =>
  encode({ type: 'query', id: 77, flags: 256, questions: [{ type, name }] })

async function answered(query: Uint8Array, transport: 'udp' | 'tcp', forward?: Forwarder): Promise<Packet> {
  const options = { view, domain: 'cluster.local', logger: silentLogger, ...(forward ? { forward } : {}) }
  const response = await respond(options, query, transport)
  assert.ok(response)
  return decode(Buffer.from(response))
}
const rcodeOf = (packet: Packet): string => ('rcode' in packet ? String(packet.rcode) : '')

describe('what is answered to', () => {
  it('a name outside the cluster where nobody may be asked: refused, with the question', async () => {
    const response = await answered(ask('example.test'), 'udp')
    assert.equal(rcodeOf(response), 'REFUSED')
    assert.equal(response.id, 77)
    assert.deepEqual(
      response.questions?.map(each => each.name),
      ['example.test'],
    )
    assert.equal((response.flags ?? 0) & 0x180, 0x180, 'recursion desired and available')
  })

  it('a name outside the cluster where nobody answers: a failure, with the question', async () => {
    const response = await answered(ask('example.test'), 'udp', () => Promise.reject(new Error('nobody')))
    assert.equal(rcodeOf(response), 'SERVFAIL')
    assert.equal(response.questions?.length, 1)
  })

  it('a question about the zone itself: its SOA as an answer, and as authority where there is no such name', async () => {
    assert.deepEqual(
      (await answered(ask('cluster.local', 'SOA'), 'udp')).answers?.map(each => each.type),
      ['SOA'],
    )
    const missing = await answered(ask('none.default.svc.cluster.local'), 'udp')
    assert.equal(rcodeOf(missing), 'NXDOMAIN')
    assert.deepEqual(
      missing.authorities?.map(each => each.type),
      ['SOA'],
    )
  })

  it('what is no query: an error, or nothing', async () => {
    const options = { view, domain: 'cluster.local', logger: silentLogger }
    assert.equal(await respond(options, new Uint8Array(5), 'udp'), undefined)
    const garbage = ask('example.test').fill(255, 12)
    const response = decode(Buffer.from((await respond(options, garbage, 'udp'))!))
    assert.equal(rcodeOf(response), 'FORMERR')
    assert.equal(response.id, 77)
  })
})

it('a name server that refuses is not waited for: the next one is asked at once', async t => {
  const udp = createSocket('udp4').on('message', (data, peer) => {
    const { id = 0, questions = [] } = decode(data)
    udp.send(encode({ type: 'response', id, questions }), peer.port, peer.address)
  })
  await new Promise<void>(resolve => void udp.bind(0, '127.0.0.2', resolve))
  t.after(() => udp.close())
  const forward = createForwarder(['127.0.0.1', '127.0.0.2'], new SimulatedClock(), { port: udp.address().port })!
  assert.equal((await answered(ask('big.test'), 'udp', forward)).id, 77)
})

it('names outside are asked for over UDP, or over TCP where the answer does not fit', async t => {
  const answersTo = (query: Packet, count: number): Packet => ({
    type: 'response',
    id: query.id ?? 0,
    questions: query.questions ?? [],
    answers: Array.from(
      { length: count },
      (_, index): Answer => ({ type: 'A', name: 'big.test', data: `10.0.0.${index}` }),
    ),
  })
  const tcp = createServer(socket =>
    socket.on('data', (data: Buffer) => {
      // In pieces, as a network may bring it.
      const message = streamEncode(answersTo(streamDecode(data), 100))
      socket.write(message.subarray(0, 1))
      socket.write(message.subarray(1, 40))
      socket.end(message.subarray(40))
    }),
  )
  await new Promise<void>(resolve => void tcp.listen(0, '127.0.0.1', resolve))
  const address = tcp.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const udp = createSocket('udp4').on('message', (data, peer) => {
    const response = encode({ ...answersTo(decode(data), 0), flags: 512 })
    udp.send(response, peer.port, peer.address)
  })
  await new Promise<void>(resolve => void udp.bind(port, '127.0.0.1', resolve))
  t.after(() => {
    tcp.close()
    udp.close()
  })
  const forward = createForwarder(['127.0.0.1'], systemClock, { port })!
  const short = await answered(ask('big.test'), 'udp', forward)
  assert.equal((short.flags ?? 0) & TRUNCATED_RESPONSE, TRUNCATED_RESPONSE)
  const whole = await answered(ask('big.test'), 'tcp', forward)
  assert.equal(whole.answers?.length, 100)
})
