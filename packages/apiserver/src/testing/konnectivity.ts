/** A konnectivity server and its agent in one, as small as they go: connections are made from here. */
import { connect, type Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { codec, PACKET, type Packet } from '../egress/tunnel-messages.ts'

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
    if (type === PACKET.dialRequest && dialRequest !== undefined) {
      const { address, random } = dialRequest
      facts.dialled.push(address)
      const [, host = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? []
      const far = connect(Number(port), host)
      socket = far
      far.on('error', error =>
        call.write({ type: PACKET.dialResponse, dialResponse: { error: error.message, random } }),
      )
      far.on('connect', () => call.write({ type: PACKET.dialResponse, dialResponse: { connectID, random } }))
      far.on('data', (bytes: Buffer) => {
        if (call.write({ type: PACKET.data, data: { connectID, data: bytes } })) return
        far.pause()
        call.once('drain', () => far.resume())
      })
      far.on('end', () => call.write({ type: PACKET.closeResponse, closeResponse: { connectID } }))
    } else if (type === PACKET.data) socket?.write(data?.data ?? new Uint8Array())
    else if (type === PACKET.closeRequest) {
      facts.closed++
      socket?.destroy()
      call.write({ type: PACKET.closeResponse, closeResponse: { connectID } })
    }
  })
}
