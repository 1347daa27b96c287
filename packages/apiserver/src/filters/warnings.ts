/** `Warning` headers (RFC 7234, section 5.5; KEP-1693). */
import type { ApiResponse } from '../http/message.ts'

/** As upstream: more than this much text is cut off. */
const MAX_TEXT = 256
const MAX_TOTAL = 4096

export function withWarnings(response: ApiResponse, warnings: readonly string[]): ApiResponse {
  if (warnings.length === 0) return response
  let total = 0
  const values: string[] = []
  for (const text of new Set(warnings)) {
    const value = warningValue(text)
    total += value.length
    if (total > MAX_TOTAL) break
    values.push(value)
  }
  return { ...response, headers: { ...response.headers, warning: values } }
}

function warningValue(text: string): string {
  // Headers carry Latin text only; anything else and control characters are replaced.
  const clean = text.replace(/[^\x20-\x7e]/g, ' ').slice(0, MAX_TEXT)
  return `299 - "${clean.replace(/["\\]/g, character => `\\${character}`)}"`
}
