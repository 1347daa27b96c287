/** GETs JSON over HTTPS from an issuer of tokens, trusting the given authorities (PEM) or the system's. */
export type FetchJson = (url: string) => Promise<unknown>

const TIMEOUT = 30_000

export function fetchJsonWith(certificateAuthority: string | undefined): FetchJson {
  let dispatcher: import('undici').Agent | undefined
  return async url => {
    const { Agent, request } = await import('undici')
    dispatcher ??= new Agent({
      connect: certificateAuthority ? { ca: certificateAuthority } : {},
      headersTimeout: TIMEOUT,
      bodyTimeout: TIMEOUT,
    })
    const response = await request(url, { dispatcher, headers: { accept: 'application/json' } })
    const text = await response.body.text()
    if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode}: ${text.slice(0, 200)}`)
    return JSON.parse(text)
  }
}
