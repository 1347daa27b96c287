/** A konnectivity server and its agent in one, as small as they go: connections are made from here. */
import { connect, type Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { codecsOf, fields } from '../grpc/messages.ts'

interface Packet {
  type?: number
  dialRequest?: { address: string; random: unknown }
  dialResponse?: object
  closeRequest?: { connectID: unknown }
  closeResponse?: object
  data?: { connectID?: unknown; data?: Uint8Array }
}

const codec = codecsOf({
  DialRequest: fields({ protocol: [1, 'string'], address: [2, 'string'], random: [3, 'int64'] }),
  DialResponse: fields({ error: [1, 'string'], connectID: [2, 'int64'], random: [3, 'int64'] }),
  CloseRequest: fields({ connectID: [1, 'int64'] }),
  CloseResponse: fields({ error: [1, 'string'], connectID: [2, 'int64'] }),
  Data: fields({ connectID: [1, 'int64'], data: [3, 'bytes'] }),
  Packet: fields({
    type: [1, 'int32'],
    dialRequest: [2, 'DialRequest'],
    dialResponse: [3, 'DialResponse'],
    data: [4, 'Data'],
    closeRequest: [5, 'CloseRequest'],
    closeResponse: [6, 'CloseResponse'],
  }),
})<Packet>('Packet')

export interface Konnectivity {
  /** What connections were asked for. */
  readonly dialled: string[]
  /** How many clients have asked to close theirs. */
  closed: number
  stop(): void
}

export async function startKonnectivity(path: string): Promise<Konnectivity> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
  const facts = { dialled: [] as string[], closed: 0, stop: () => server.forceShutdown() }
  const definition = {
    Proxy: {
      path: '/ProxyService/Proxy',
      requestStream: true,
      responseStream: true,
      requestSerialize: codec.encode,
      requestDeserialize: (bytes: Buffer) => codec.decode(bytes),
      responseSerialize: codec.encode,
      responseDeserialize: (bytes: Buffer) => codec.decode(bytes),
    },
  }
  server.addService(definition, {
    Proxy: (call: grpc.ServerDuplexStream<Packet, Packet>) => serve(call, facts),
  })
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), error =>
      error ? reject(error) : resolve(),
    ),
  )
  return facts
}

function serve(call: grpc.ServerDuplexStream<Packet, Packet>, facts: Konnectivity): void {
  let socket: Socket | undefined
  const connectID = 7
  call.on('error', () => socket?.destroy())
  call.on('cancelled', () => socket?.destroy())
  call.on('data', ({ type = 0, dialRequest, data }: Packet) => {
    if (type === 0 && dialRequest !== undefined) {
      const { address, random } = dialRequest
      facts.dialled.push(address)
      const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? []
      const far = connect(Number(port), host)
      socket = far
      far.on('error', error => call.write({ type: 1, dialResponse: { error: error.message, random } }))
      far.on('connect', () => call.write({ type: 1, dialResponse: { connectID, random } }))
      far.on('data', (bytes: Buffer) => {
        if (call.write({ type: 4, data: { connectID, data: bytes } })) return
        far.pause()
        call.once('drain', () => far.resume())
      })
      far.on('end', () => call.write({ type: 3, closeResponse: { connectID } }))
    } else if (type === 4) socket?.write(data?.data ?? new Uint8Array())
    else if (type === 2) {
      facts.closed++
      socket?.destroy()
      call.write({ type: 3, closeResponse: { connectID } })
    }
  })
}
