/** Media types of `Accept` and `Content-Type` headers (RFC 9110, section 12.5.1). */
export interface MediaType {
  /** In lower case, without parameters; may be a wildcard. */
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
  readonly quality: number
}

/** The clauses of a header, best first; equal ones in the order given. What nobody wants (`q=0`) comes last, but as upstream's it counts. */
export function parseMediaTypes(header: string): MediaType[] {
  const clauses: MediaType[] = []
  for (const clause of header.split(',')) {
    const media = parseMediaType(clause)
    if (media !== undefined) clauses.push(media)
  }
  return clauses.sort((a, b) => b.quality - a.quality || specificity(b) - specificity(a))
}

export function parseMediaType(text: string): MediaType | undefined {
  const [head = '', ...rest] = text.split(';')
  const type = head.trim().toLowerCase()
  if (!/^[^\s/]+\/[^\s/]+$/.test(type)) return undefined
  const parameters: Record<string, string> = {}
  let quality = 1
  for (const each of rest) {
    const equals = each.indexOf('=')
    if (equals < 0) continue
    const name = each.slice(0, equals).trim().toLowerCase()
    const value = each
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1')
    if (name === 'q') quality = Number(value)
    else parameters[name] = value
  }
  return { type, parameters, quality: Number.isNaN(quality) ? 1 : quality }
}

const specificity = (media: MediaType): number => (media.type === '*/*' ? 0 : media.type.endsWith('/*') ? 1 : 2)

/** Whether a clause (which may be a wildcard) covers a type. */
export function covers(media: MediaType, type: string): boolean {
  if (media.type === '*/*' || media.type === type) return true
  return media.type.endsWith('/*') && type.startsWith(media.type.slice(0, -1))
}
