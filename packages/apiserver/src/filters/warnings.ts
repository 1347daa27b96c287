/** `Warning` headers (RFC 7234, section 5.5; KEP-1693). */
import type { ApiResponse } from '../http/message.ts'

/** Where all texts together are longer than MAX_TOTAL, each is cut off at MAX_TEXT (endpoints/filters/warning.go). */
const MAX_TEXT = 256
const MAX_TOTAL = 4096

export function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  if (warnings.length === 0) return response
  const sayable = [...new Set(warnings)].filter(text => text !== '' && !/\p{Cc}/u.test(text))
  if (sayable.length === 0) return response
  return { ...response, headers: { ...response.headers, warning: shortened(sayable).map(warningValue) } }
}

function shortened(texts: readonly string[]): readonly string[] {
  const runes = texts.map(text => [...text])
  if (runes.reduce((sum, each) => sum + each.length, 0) <= MAX_TOTAL) return texts
  const kept: string[] = []
  let total = 0
  for (const each of runes) {
    if (total >= MAX_TOTAL) break
    const short = each.slice(0, MAX_TEXT)
    total += short.length
    kept.push(short.join(''))
  }
  return kept
}

/** Headers of Node are made of bytes: each character here is one of UTF-8. */
const warningValue = (text: string): string =>
  `299 - "${Buffer.from(
    text.replace(/["\\]/g, character => `\\${character}`),
    'utf8',
  ).toString('latin1')}"`
