/** One request over a shared HTTP/2 connection, told to undici's handlers. */
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import type { Dispatcher } from 'undici'
import type { ClientConnection } from './client-connection.ts'

/** The server has certainly not begun with the request: it may be sent again. */
export class UnprocessedError extends Error {}

/** What whoever asks holds of a request: it may be given up, also while there is no connection yet. */
export class Http2Request implements Dispatcher.DispatchController {
  readonly #handler: Dispatcher.DispatchHandler
  #reason: Error | null = null
  #over = false
  #stream: ClientHttp2Stream | undefined

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
    handler.onRequestStart?.(this, {})
  }

  get aborted(): boolean {
    return this.#reason !== null
  }

  get reason(): Error | null {
    return this.#reason
  }

  get paused(): boolean {
    return this.#stream?.isPaused() ?? false
  }

  abort(reason: Error): void {
    if (this.#over) return
    this.#reason = reason
    this.#stream?.close(constants.NGHTTP2_CANCEL)
    this.fail(reason)
  }

  pause(): void {
    this.#stream?.pause()
  }

  resume(): void {
    this.#stream?.resume()
  }

  /** Tells the handler, once. */
  fail(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#handler.onResponseError?.(this, error as Error)
  }

  /** Settles when all is told. Rejects with UnprocessedError where the request may be sent again, else with what went wrong. */
  sendOver(session: ClientConnection, options: Dispatcher.DispatchOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = begin(session, options)
      this.#stream = stream
      let answered = false
      let failure: Error | undefined
      stream.on('response', ({ ':status': status, ...headers }) => {
        answered = true
        this.tell(() => this.#handler.onResponseStart?.(this, Number(status), headers as IncomingHttpHeaders, ''))
      })
      stream.on('data', (chunk: Buffer) => this.tell(() => this.#handler.onResponseData?.(this, chunk)))
      stream.on('error', error => {
        failure ??= error
      })
      stream.on('close', () => {
        if (this.#over) return resolve()
        if (answered && failure === undefined && stream.rstCode === constants.NGHTTP2_NO_ERROR) {
          this.end()
          return resolve()
        }
        const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM || session.leftOut(stream)
        if (refused && !answered) return reject(new UnprocessedError(failure?.message))
        reject(failure ?? new Error('unexpected EOF'))
      })
    })
  }

  private end(): void {
    this.tell(() => {
      this.#over = true
      this.#handler.onResponseEnd?.(this, {})
    })
  }

  /** What a handler throws ends the request. */
  private tell(what: () => void): void {
    if (this.#over) return
    try {
      what()
    } catch (error) {
      this.#over = false
      this.abort(error as Error)
    }
  }
}

function begin(session: ClientConnection, options: Dispatcher.DispatchOptions): ClientHttp2Stream {
  const body = typeof options.body === 'string' ? Buffer.from(options.body) : undefined
  const length = body === undefined ? {} : { 'content-length': body.byteLength }
  const headers = { ':method': options.method, ':path': options.path, ...headersOf(options.headers), ...length }
  try {
    const stream = session.request(headers, body === undefined)
    if (body !== undefined) stream.end(body)
    return stream
  } catch (error) {
    throw new UnprocessedError((error as Error).message)
  }
}

/** Headers come as an object, or, after a redirection, as a list of names and values in turn. */
function headersOf(headers: Dispatcher.DispatchOptions['headers']): Record<string, string | string[]> {
  if (!Array.isArray(headers)) return (headers ?? {}) as Record<string, string | string[]>
  const result: Record<string, string | string[]> = {}
  for (let at = 0; at + 1 < headers.length; at += 2) result[String(headers[at])] = headers[at + 1] as string
  return result
}
