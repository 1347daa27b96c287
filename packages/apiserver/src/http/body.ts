/** Collects a request body from a Node stream, up to a limit. */

import type { Readable } from 'node:stream'
import { StatusError } from '@canopus/apimachinery'
import { BodyAborted } from './message.ts'

/** As upstream's MaxRequestBodyBytes. */
export const BODY_LIMIT = 3 * 1024 * 1024

export function tooLargeError(limit = BODY_LIMIT): StatusError {
  return new StatusError({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: limit is ${limit}`,
  })
}

/**
 * Rejects with StatusError 413 beyond the limit and with `BodyAborted` where the client went away. `aborted` is asked at the
 * end: when a connection dies, Node ends the streams of HTTP/2 as if their bodies were complete.
 */
export function readBody(
  stream: Readable,
  contentLength: string | undefined,
  aborted: () => boolean,
): Promise<Uint8Array> {
  const announced = contentLength === undefined ? undefined : Number(contentLength)
  if (announced !== undefined && announced > BODY_LIMIT) {
    stream.resume()
    return Promise.reject(tooLargeError())
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    let settled = false
    const fail = (): void => {
      if (!settled) reject(new BodyAborted())
    }
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= BODY_LIMIT) chunks.push(chunk)
      else reject(tooLargeError())
    })
    stream.on('end', () => {
      if (aborted() || (announced !== undefined && size < announced)) return fail()
      settled = true
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    })
    stream.on('error', fail)
    stream.on('aborted', fail)
    stream.on('close', fail)
  })
}
