import type { WebSocket } from 'ws'
import { SpdyConnection, type SpdyStream, upgradeToSpdy } from './spdy-connection.ts'
import type { RuntimeStream } from './splice.ts'

/** WebSocket protocol of exec and attach in which stdin can be closed by itself (KEP 4006). */
export const REMOTE_COMMAND_PROTOCOL = 'v5.channel.k8s.io'

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const ERROR = 3
const RESIZE = 4
/** Followed by the number of the channel that ends. */
const CLOSE = 255

/** More than this waiting for the client, and the runtime is not read any more. */
const MAX_BUFFERED = 1024 * 1024

export interface RemoteStreams {
  stdin: boolean
  stdout: boolean
  stderr: boolean
  tty: boolean
}

/**
 * Serves exec or attach over WebSocket v5 by the runtime's SPDY: every channel is a stream (upstream does the same in
 * k8s.io/apimachinery's stream translator). `client` comes paused. Resolves when it is over.
 * `onStart` gets the runtime's side.
 */
export async function serveRemoteCommand(
  client: WebSocket,
  url: string,
  wanted: RemoteStreams,
  onStart: (stream: RuntimeStream) => void = () => {},
): Promise<void> {
  const { socket, head } = await upgradeToSpdy(url, 'v4.channel.k8s.io')
  const runtime = new SpdyConnection(socket, head)
  onStart({
    received: () => socket.bytesRead,
    waiting: () => client.bufferedAmount,
    end: () => runtime.close(),
  })
  socket.resume()
  client.on('close', () => runtime.close())
  client.on('error', () => client.terminate())
  try {
    const streams = await openStreams(runtime, wanted)
    const outputs = [ERROR, STDOUT, STDERR].filter(channel => streams.has(channel))
    const over = Promise.all(outputs.map(channel => forward(client, runtime, channel, streams.get(channel)!)))
    client.on('message', (data: Buffer) => receive(client, runtime, streams, data))
    client.resume()
    // tells the client that everything is connected
    client.send(Buffer.from([wanted.stdout ? STDOUT : wanted.stderr ? STDERR : ERROR]))
    await over
    client.close(1000)
  } finally {
    runtime.close()
    client.resume() // a paused client's own close would never be read
  }
}

async function openStreams(runtime: SpdyConnection, wanted: RemoteStreams): Promise<Map<number, SpdyStream>> {
  const kinds: [number, string, boolean][] = [
    [ERROR, 'error', true],
    [STDIN, 'stdin', wanted.stdin],
    [STDOUT, 'stdout', wanted.stdout],
    [STDERR, 'stderr', wanted.stderr],
    [RESIZE, 'resize', wanted.tty],
  ]
  const opened = kinds
    .filter(([, , is]) => is)
    .map(async ([channel, streamType]) => [channel, await runtime.open({ streamtype: streamType })] as const)
  return new Map(await Promise.all(opened))
}

/** Sends what a stream brings to the client. Resolves at its end. */
function forward(client: WebSocket, runtime: SpdyConnection, channel: number, stream: SpdyStream): Promise<void> {
  return new Promise(resolve => {
    const onData = (data: Buffer): void => {
      client.send(Buffer.concat([Buffer.from([channel]), data]), () => {
        if (client.bufferedAmount < MAX_BUFFERED) runtime.resume()
      })
      if (client.bufferedAmount >= MAX_BUFFERED) runtime.pause()
    }
    stream.receive({ onData, onEnd: resolve })
  })
}

function receive(
  client: WebSocket,
  runtime: SpdyConnection,
  streams: ReadonlyMap<number, SpdyStream>,
  message: Buffer,
): void {
  const channel = message[0]
  if (channel === CLOSE) {
    if (message[1] === STDIN) streams.get(STDIN)?.end()
    return
  }
  if (channel !== STDIN && channel !== RESIZE) return
  if (streams.get(channel)?.write(message.subarray(1)) === false) {
    client.pause()
    runtime.drained(() => client.resume())
  }
}
