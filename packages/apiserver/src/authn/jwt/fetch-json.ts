import { trusting } from '@canopus/platform'
import type { Dialer } from '../../egress/dial.ts'
import { overDialer } from '../../egress/over-dialer.ts'

/**
 * GETs over HTTPS from an issuer of tokens, trusting the given authorities (PEM) or the system's. `seen` hears of the text that was
 * answered, where it is JSON.
 */
export type FetchJson = (url: string, seen?: (text: string) => void) => Promise<unknown>
export type FetchText = (url: string, headers: Record<string, string>) => Promise<{ status: number; text: string }>

const TIMEOUT = 30_000

/** `dial`: by what way the issuer is reached; straight where missing. */
export function fetchTextWith(certificateAuthority: string | undefined, dial?: Dialer): FetchText {
  let dispatcher: import('undici').Agent | undefined
  return async (url, headers) => {
    const { Agent, buildConnector, request } = await import('undici')
    dispatcher ??= new Agent({
      connect: overDialer(buildConnector(certificateAuthority ? trusting(certificateAuthority) : {}), dial),
      headersTimeout: TIMEOUT,
      bodyTimeout: TIMEOUT,
    })
    const { statusCode, body } = await request(url, { dispatcher, headers })
    return { status: statusCode, text: await body.text() }
  }
}

export function fetchJsonWith(certificateAuthority: string | undefined, dial?: Dialer): FetchJson {
  const fetchText = fetchTextWith(certificateAuthority, dial)
  return async (url, seen) => {
    const { status, text } = await fetchText(url, { accept: 'application/json' })
    if (status !== 200) throw new Error(`${url}: ${status}: ${text.slice(0, 200)}`)
    const value: unknown = JSON.parse(text)
    seen?.(text)
    return value
  }
}
