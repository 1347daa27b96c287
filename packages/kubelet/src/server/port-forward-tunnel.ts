import type { WebSocket } from 'ws'
import { upgradeToSpdy } from './spdy-connection.ts'

/** WebSocket protocol whose messages are the bytes of a SPDY connection (KEP 4006). */
export const PORT_FORWARD_PROTOCOL = 'SPDY/3.1+portforward.k8s.io'

const MAX_BUFFERED = 1024 * 1024

/** Serves a port-forward tunnel: unpacks messages to the runtime's SPDY connection and packs what it answers. `client` comes paused. */
export async function servePortForwardTunnel(client: WebSocket, url: string): Promise<void> {
  const { socket, head } = await upgradeToSpdy(url, 'portforward.k8s.io')
  const send = (data: Buffer): void => {
    client.send(data, () => {
      if (client.bufferedAmount < MAX_BUFFERED) socket.resume()
    })
    if (client.bufferedAmount >= MAX_BUFFERED) socket.pause()
  }
  if (head.length > 0) send(head)
  socket.on('data', send)
  client.on('message', (data: Buffer) => {
    if (socket.write(data)) return
    client.pause()
    socket.once('drain', () => client.resume())
  })
  client.resume()
  client.on('error', () => client.terminate())
  client.on('close', () => socket.destroy())
  await new Promise<void>(resolve => {
    socket.on('close', resolve)
    socket.resume()
  })
  client.close(1000)
}
