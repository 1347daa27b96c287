/** Brings the connections of a client that can only open its own to wherever a dialer leads: over a socket in a private folder. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, pipeline } from 'node:stream'

/** Opens a connection to a host and port, however that is reached. */
export type Dial = (host: string, port: number) => Promise<Duplex>

export interface Forwarder {
  /** Where to connect. */
  readonly path: string
  close(): void
}

/** Listens until it is closed; `failed` hears why a connection could not be had. */
export async function openForwarder(dial: () => Promise<Duplex>, failed: (error: unknown) => void): Promise<Forwarder> {
  const folder = mkdtempSync(join(tmpdir(), 'canopus-egress-'))
  const path = join(folder, 'socket')
  const open = new Set<Socket>()
  const server = createServer(async client => {
    open.add(client)
    client.on('error', () => {}).on('close', () => open.delete(client))
    try {
      const far = await dial()
      pipeline(client, far, client, () => {
        client.destroy()
        far.destroy()
      })
    } catch (error) {
      failed(error)
      client.destroy()
    }
  })
  server.listen(path)
  await once(server, 'listening')
  server.unref()
  return {
    path,
    close: () => {
      for (const client of open) client.destroy()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
