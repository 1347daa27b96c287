import type { Dialer } from './dial.ts'

/** How the library that calls webhooks and issuers opens connections. */
export type Connector = ReturnType<typeof import('undici').buildConnector>

/** The same connector, whose TLS is spoken over connections of the dialer. */
export function overDialer(connect: Connector, dial: Dialer | undefined): Connector {
  if (dial === undefined) return connect
  return (options, callback) => {
    const isTls = options.protocol === 'https:'
    dial(options.hostname, Number(options.port || (isTls ? 443 : 80)))
      .then(socket => (isTls ? connect({ ...options, httpSocket: socket }, callback) : callback(null, socket)))
      .catch(error => callback(error, null))
  }
}
