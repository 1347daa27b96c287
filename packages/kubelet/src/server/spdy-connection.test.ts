import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { serveRemoteCommand } from './remote-command.ts'

const control = (type: number, id: number, rest: readonly number[] = []): Buffer => {
  const frame = Buffer.alloc(12 + rest.length)
  frame.writeUInt16BE(0x8003, 0)
  frame.writeUInt16BE(type, 2)
  frame.writeUInt32BE(4 + rest.length, 4)
  frame.writeUInt32BE(id, 8)
  frame.set(rest, 12)
  return frame
}
const reply = (id: number): Buffer => control(2, id)
const reset = (id: number): Buffer => control(3, id, [0, 0, 0, 5])
const data = (id: number, text: string, last: boolean): Buffer => {
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(id, 0)
  frame.writeUInt32BE(Buffer.byteLength(text), 4)
  frame[4] = last ? 1 : 0
  return Buffer.concat([frame, Buffer.from(text)])
}

/** The ids of the streams that were opened in what came; our client opens them as 1, 3, 5 ... */
function openedStreams(received: Buffer): number[] {
  const ids: number[] = []
  for (let at = 0; at + 12 <= received.length; at += 8 + received.readUIntBE(at + 5, 3))
    if (received.readUInt32BE(at) === 0x80030001) ids.push(received.readUInt32BE(at + 8))
  return ids
}

/** A container runtime that answers once all streams are open. */
async function runtime(streams: number, answer: (ids: readonly number[], socket: Socket) => void) {
  const server = createServer(socket => {
    let received = Buffer.alloc(0)
    let switched = false
    socket.on('error', () => socket.destroy())
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      const head = received.indexOf('\r\n\r\n')
      if (!switched && head >= 0) {
        switched = true
        received = received.subarray(head + 4)
        socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
      }
      if (!switched) return
      const ids = openedStreams(received)
      if (ids.length < streams) return
      received = Buffer.alloc(0)
      answer(ids, socket)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/attach/x`, server }
}

/** What a client of `serveRemoteCommand` gets by channel, and how it ends. */
async function attach(url: string, stdin: boolean): Promise<{ channels: Map<number, string>; code: number }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', client => {
    client.pause()
    serveRemoteCommand(client, url, { stdin, stdout: true, stderr: false, tty: false }).catch(() => client.close(1011))
  })
  await once(server, 'listening')
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const channels = new Map<number, string>()
  socket.on('message', (message: Buffer) => {
    channels.set(message[0]!, (channels.get(message[0]!) ?? '') + message.subarray(1).toString())
  })
  const [code] = await once(socket, 'close')
  server.close()
  return { channels, code }
}

describe('a command’s streams', () => {
  const [ERROR, STDIN, STDOUT] = [0, 1, 2]
  const cases: [string, (ids: readonly number[], socket: Socket) => void, string, number][] = [
    [
      'arrive whole where the replies, all output and the ends come at once',
      (ids, socket) =>
        socket.write(
          Buffer.concat([
            ...ids.map(reply),
            data(ids[STDOUT]!, 'hi\n', true),
            data(ids[ERROR]!, '', true),
            reset(ids[STDIN]!),
          ]),
        ),
      'hi\n',
      1000,
    ],
    [
      'end with the connection where that is closed at once',
      (ids, socket) => socket.end(Buffer.concat([...ids.map(reply), data(ids[STDOUT]!, 'part', false)])),
      'part',
      1000,
    ],
    [
      'are over where one of them is refused',
      (ids, socket) => socket.write(Buffer.concat([reply(ids[ERROR]!), ...ids.slice(1).map(reset)])),
      '',
      1011,
    ],
  ]
  for (const [name, answer, output, code] of cases) {
    test(name, async () => {
      const { url, server } = await runtime(3, answer)
      const result = await attach(url, true)
      assert.deepEqual([result.channels.get(1) ?? '', result.code], [output, code])
      server.close()
    })
  }
})
