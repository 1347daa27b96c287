/**
 * Bodies of requests. A caller in this process hands over the value that it would have written as JSON, which is copied instead of
 * written and read again; the text is made only where somebody asks for it, as for an audit event or an error message.
 */
import { afterRoundTrip } from '@canopus/apimachinery'
import type { ApiRequest } from '../http/message.ts'
import type { Maybe } from '../security.ts'

export class GivenBody {
  /** The caller's: never change it. */
  readonly value: unknown
  readonly #text: () => Maybe<Uint8Array>

  constructor(value: unknown, text: () => Maybe<Uint8Array>) {
    this.value = value
    this.#text = text
  }

  /** What parsing the text would give, a new one each time; undefined where only the text tells. */
  copy(): unknown {
    try {
      return afterRoundTrip(this.value)
    } catch (error) {
      // Deeper than functions that call themselves can follow.
      if (error instanceof RangeError) return undefined
      throw error
    }
  }

  get bytes(): Uint8Array {
    return this.#text() as Uint8Array
  }
}

export type Body = Uint8Array | GivenBody

/** The body of a request. Throws what `ApiRequest.body` does. */
export function bodyOf(request: ApiRequest): Maybe<Body> {
  return request.given === undefined ? request.body() : new GivenBody(request.given, () => request.body())
}

export const bytesOf = (body: Body): Uint8Array => (body instanceof GivenBody ? body.bytes : body)
