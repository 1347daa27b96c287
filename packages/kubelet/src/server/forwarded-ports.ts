import { HttpError } from './http-error.ts'

/**
 * The ports of a port-forward over WebSocket channels, each with two channels in this order; other protocols name a port with
 * each stream. Throws HttpError 400 (upstream: k8s.io/cri-streaming pkg/streaming/portforward/websocket.go).
 */
export function forwardedPorts(query: URLSearchParams): number[] {
  const texts = query.getAll('port')
  if (texts.length === 0) throw new HttpError(400, 'query parameter "port" is required')
  if (texts.includes('')) throw new HttpError(400, 'query parameter "port" cannot be empty')
  return texts.flatMap(each => each.split(',')).map(each => portOf(each))
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^[0-9]+$/.test(text) || port > 65535)
    throw new HttpError(400, `unable to parse ${JSON.stringify(text)} as a port`)
  if (port === 0) throw new HttpError(400, `port ${JSON.stringify(text)} must be > 0`)
  return port
}
