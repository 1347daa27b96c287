/** The static table of HPACK (RFC 7541, appendix A), and which names and values a request may have. */

export interface Field {
  readonly name: string
  readonly value: string
  /** Whether HTTP/2 allows the name (RFC 9113, section 8.2). */
  readonly nameFits: boolean
  /** Whether it allows both. */
  readonly wellFormed: boolean
}

/** From index 1 on. */
const ENTRIES = [
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204',
  ':status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate',
  'accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control',
  'content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type',
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since',
  'last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after',
  'server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate',
]

const FORBIDDEN = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'])
const NAME = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** Control characters but the tabulator, as Go's server has it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/

/** Names are in lower case; those that are about one connection do not belong into HTTP/2. */
export const field = (name: string, value: string): Field =>
  withValue({ name, nameFits: NAME.test(name) && !FORBIDDEN.has(name) }, value)

/** The name is looked at once, however often it comes with other values. */
export function withValue({ name, nameFits }: Pick<Field, 'name' | 'nameFits'>, value: string): Field {
  const meant = nameFits && (name !== 'te' || value === 'trailers')
  return { name, value, nameFits, wellFormed: meant && !CONTROL.test(value) }
}

const entries = ENTRIES.flatMap(line => line.split('|')).map(entry => {
  const [name = '', ...value] = entry.split('=')
  return field(name, value.join('='))
})

/** What the static table has under an index; its first one is 1. */
export const STATIC: readonly (Field | undefined)[] = [undefined, ...entries]
/** Where a name comes first in it. */
export const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  entries.map(({ name }, index) => [name, index + 1] as const).reverse(),
)
/** What entries of a dynamic table take beside their text. */
export const ENTRY_BYTES = 32
/** How much a dynamic table holds where nobody has said anything; ours never holds more. */
export const TABLE_BYTES = 4096
