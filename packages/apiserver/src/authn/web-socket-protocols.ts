/**
 * Subprotocols of WebSocket requests. Browsers can set no headers of their own there, and hand in a token as one of the
 * protocols; upstream k8s.io/apiserver pkg/authentication/request/websocket.
 */
import type { AuthenticationRequest } from '../security.ts'
import { InvalidCredentialError } from './client-certificate.ts'

type Headers = AuthenticationRequest['headers']

const TOKEN_PREFIX = 'base64url.bearer.authorization.k8s.io.'
const HEADER = 'sec-websocket-protocol'

function offered(headers: Headers): string[] {
  const value = headers[HEADER]
  if (value === undefined) return []
  const text = typeof value === 'string' ? value : value.join(',')
  return text
    .split(',')
    .map(each => each.trim())
    .filter(each => each !== '')
}

/** What a client offers to speak, without a token: that is for nobody else to see. */
export function webSocketProtocols(headers: Headers): string[] {
  return offered(headers).filter(each => !each.startsWith(TOKEN_PREFIX))
}

/** The token among the protocols of a WebSocket request. Throws InvalidCredentialError where it cannot be taken for one. */
export function webSocketToken(headers: Headers): string | undefined {
  if (String(headers.upgrade).toLowerCase() !== 'websocket') return undefined
  const protocols = offered(headers)
  const [carrying, another] = protocols.filter(each => each.startsWith(TOKEN_PREFIX))
  if (carrying === undefined) return undefined
  if (another !== undefined) throw new InvalidCredentialError('multiple base64.bearer.authorization tokens specified')
  const encoded = carrying.slice(TOKEN_PREFIX.length)
  const bytes = Buffer.from(encoded, 'base64url')
  if (bytes.toString('base64url') !== encoded)
    throw new InvalidCredentialError('invalid base64.bearer.authorization token encoding')
  const token = bytes.toString('utf8')
  if (!Buffer.from(token, 'utf8').equals(bytes))
    throw new InvalidCredentialError('invalid base64.bearer.authorization token')
  // One has to be left that the answer can name.
  if (token !== '' && protocols.length === 1) throw new InvalidCredentialError('missing additional subprotocol')
  return token === '' ? undefined : token
}
