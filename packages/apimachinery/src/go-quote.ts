const NAMED: Readonly<Record<string, string>> = { '07': '\\a', '0b': '\\v' }

/** Control characters, which JSON escapes in another way, and what it does not escape: DEL to NBSP, and the soft hyphen. */
const OTHERWISE = /\\\\|\\u00([01][0-9a-f])|[\u007f-\u00a0\u00ad]/g

/** Neither quotes nor anything that has to be escaped. */
const PLAIN = /^[ !#-[\]-~]*$/

/** A text in quotes as Go's `%q` and strconv.Quote write it. */
export function goQuote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(OTHERWISE, (found, control: string | undefined) => {
    if (control !== undefined) return NAMED[control] ?? `\\x${control}`
    if (found === '\\\\') return found
    const code = found.charCodeAt(0).toString(16)
    return code === '7f' ? '\\x7f' : `\\u${code.padStart(4, '0')}`
  })
}

/** A text in quotes as Go's package time has them in its errors: bytes for what is not plain. */
export const goTimeQuote = (text: string): string =>
  `"${text.replace(/["\\]/g, '\\$&').replace(/[^ -~\x7f]/gu, each => [...new TextEncoder().encode(each)].map(byte => `\\x${byte.toString(16).padStart(2, '0')}`).join(''))}"`
