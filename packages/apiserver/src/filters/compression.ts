/** Big answers are compressed for clients that can read it (endpoints/handlers/responsewriters/writers.go). */
import { type ApiRequest, type ApiResponse, bodyLength, header } from '../http/message.ts'

/** Smaller ones are not worth the time. */
const LEAST = 128 * 1024

/** The same answer, marked to be compressed where it is big and the client says that it reads gzip. */
export function compressed(request: ApiRequest, response: ApiResponse): ApiResponse {
  const { body } = response
  if (body === undefined || response.stream !== undefined) return response
  const length = response.length ?? bodyLength(body)
  if (length <= LEAST) return response
  const accepted = header(request.headers, 'accept-encoding')
  if (accepted === undefined || !acceptsGzip(accepted) || response.headers['content-encoding'] !== undefined) {
    return { ...response, length }
  }
  return {
    ...response,
    length,
    gzip: true,
    headers: { ...response.headers, 'content-encoding': 'gzip', vary: varied(response.headers.vary) },
  }
}

/** What the answer depends on already, and on this. */
function varied(vary: string | string[] = []): string | string[] {
  const all = [...[vary].flat().filter(each => each !== 'Accept-Encoding'), 'Accept-Encoding']
  return all.length === 1 ? all[0]! : all
}

function acceptsGzip(accepted: string): boolean {
  return accepted.split(',').some(each => each.split(';')[0]!.trim() === 'gzip')
}
