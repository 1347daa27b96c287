import { trusting } from '@canopus/platform'

/**
 * GETs over HTTPS from an issuer of tokens, trusting the given authorities (PEM) or the system's. `seen` hears of the text that was
 * answered, where it is JSON.
 */
export type FetchJson = (url: string, seen?: (text: string) => void) => Promise<unknown>
export type FetchText = (url: string, headers: Record<string, string>) => Promise<{ status: number; text: string }>

const TIMEOUT = 30_000

export function fetchTextWith(certificateAuthority: string | undefined): FetchText {
  let dispatcher: import('undici').Agent | undefined
  return async (url, headers) => {
    const { Agent, request } = await import('undici')
    dispatcher ??= new Agent({
      connect: certificateAuthority ? trusting(certificateAuthority) : {},
      headersTimeout: TIMEOUT,
      bodyTimeout: TIMEOUT,
    })
    const { statusCode, body } = await request(url, { dispatcher, headers })
    return { status: statusCode, text: await body.text() }
  }
}

export function fetchJsonWith(certificateAuthority: string | undefined): FetchJson {
  const fetchText = fetchTextWith(certificateAuthority)
  return async (url, seen) => {
    const { status, text } = await fetchText(url, { accept: 'application/json' })
    if (status !== 200) throw new Error(`${url}: ${status}: ${text.slice(0, 200)}`)
    const value: unknown = JSON.parse(text)
    seen?.(text)
    return value
  }
}
