/**
 * `--debug-socket-path`: profiles and log levels on a Unix socket, for whoever may open it (k8s.io/apiserver/pkg/server/routes:
 * debugsocket). It answers while the server's own port does not.
 */
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type ProfilingOptions, serveProfiling } from '@canopus/apiserver'
import type { Logger } from '@canopus/base'

/** Serves until `close`. Rejects where the path cannot be listened on; what lies there is removed. */
export async function startDebugSocket(
  path: string,
  options: ProfilingOptions,
  logger: Logger,
): Promise<{ close(): Promise<void> }> {
  const profiling = { ...options, commandLine: process.argv }
  const server = createServer((request, response) => {
    answer(request, response, profiling).catch(error => {
      logger.error('a request of the debug socket failed', { path: request.url, error })
      response.destroy()
    })
  })
  await rm(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    close: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, profiling: ProfilingOptions): Promise<void> {
  const [path = '/', query = ''] = (request.url ?? '/').split('?')
  const found = await serveProfiling(profiling, askedOf(request, path, query))
  const text = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }
  const { status, headers, body } = found ?? { status: 404, headers: text, body: Buffer.from('404 page not found\n') }
  response.writeHead(status, headers).end(body)
}

/** What a request of Node's server asks for. */
export const askedOf = (
  request: IncomingMessage,
  path: string,
  query: string,
): Parameters<typeof serveProfiling>[1] => ({
  method: request.method ?? 'GET',
  path,
  query,
  body: async () => Buffer.concat(await request.toArray()),
})
