/** What a konnectivity server and its clients say to each other (apiserver-network-proxy, konnectivity-client/proto/client/client.proto). */
import { codecsOf, fields } from '../grpc/messages.ts'

export const PACKET = {
  dialRequest: 0,
  dialResponse: 1,
  closeRequest: 2,
  closeResponse: 3,
  data: 4,
  closeDial: 5,
} as const

/** A connection as the server counts it: 64 bits, given back as it came. */
export type ConnectId = unknown

export interface Packet {
  readonly type?: number
  readonly dialRequest?: { protocol: string; address: string; random: number }
  readonly dialResponse?: { error?: string; connectID?: ConnectId; random?: unknown }
  readonly closeRequest?: { connectID: ConnectId }
  readonly closeResponse?: { connectID: ConnectId }
  readonly closeDial?: { random: number }
  readonly data?: { connectID: ConnectId; data?: Uint8Array }
}

export const codec = codecsOf({
  DialRequest: fields({ protocol: [1, 'string'], address: [2, 'string'], random: [3, 'int64'] }),
  DialResponse: fields({ error: [1, 'string'], connectID: [2, 'int64'], random: [3, 'int64'] }),
  CloseRequest: fields({ connectID: [1, 'int64'] }),
  CloseResponse: fields({ error: [1, 'string'], connectID: [2, 'int64'] }),
  CloseDial: fields({ random: [1, 'int64'] }),
  Data: fields({ connectID: [1, 'int64'], error: [2, 'string'], data: [3, 'bytes'] }),
  Packet: fields({
    type: [1, 'int32'],
    dialRequest: [2, 'DialRequest'],
    dialResponse: [3, 'DialResponse'],
    data: [4, 'Data'],
    closeRequest: [5, 'CloseRequest'],
    closeResponse: [6, 'CloseResponse'],
    closeDial: [7, 'CloseDial'],
  }),
})<Packet>('Packet')
