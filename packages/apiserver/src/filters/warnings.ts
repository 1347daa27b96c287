/** `Warning` headers (RFC 7234, section 5.5; KEP-1693). */
import type { ApiResponse } from '../http/message.ts'

/** Where all texts together are longer than MAX_TOTAL, each is cut off at MAX_TEXT (endpoints/filters/warning.go). */
const MAX_TEXT = 256
const MAX_TOTAL = 4096

export function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  if (warnings.length === 0) return response
  const values = shortened([...new Set(warnings)]).map(warningValue)
  return { ...response, headers: { ...response.headers, warning: values } }
}

function shortened(texts: readonly string[]): readonly string[] {
  if (texts.reduce((sum, text) => sum + text.length, 0) <= MAX_TOTAL) return texts
  const kept: string[] = []
  let total = 0
  for (const text of texts) {
    if (total >= MAX_TOTAL) break
    const short = text.slice(0, MAX_TEXT)
    total += short.length
    kept.push(short)
  }
  return kept
}

function warningValue(text: string): string {
  // Headers carry Latin text only; anything else and control characters are replaced.
  const clean = text.replace(/[^\x20-\x7e]/g, ' ')
  return `299 - "${clean.replace(/["\\]/g, character => `\\${character}`)}"`
}
