/**
 * Links in what a proxied server answers, which has to be told nothing of the path that it is reached by: those to itself are made
 * to lead through the proxy. Upstream: k8s.io/apimachinery pkg/util/proxy/transport.go.
 */
import { posix } from 'node:path'
import { Transform } from 'node:stream'
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib'

export interface ProxiedPage {
  /** Host and port of the server behind the proxy. */
  readonly backend: string
  /** The `Host` that the client asked for. */
  readonly host: string | undefined
  /** Path below which the server is reached, without a slash at its end. */
  readonly prefix: string
}

/** A link as the client has to follow it. Relative ones and those to other servers stay. */
export function proxiedLink(link: string, { backend, host, prefix }: ProxiedPage): string {
  const [, , authority, path = '', rest = ''] =
    /^([a-z][a-z0-9+.-]*:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is.exec(link) ?? []
  if (authority && authority !== backend && authority !== host) return link
  if (!path.startsWith('/')) return link
  const start = authority && authority === host ? link.slice(0, link.length - path.length - rest.length) : ''
  return `${start}${path.startsWith(prefix) ? path : posix.join(prefix, path)}${rest}`
}

/** Attributes that hold a URL, by element. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
}

/** Elements whose content is text, whatever it looks like. */
const VERBATIM: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'noembed', 'noframes'])

const ELEMENT = /[a-z][^\s/>]*/iy
const GAP = /[\s/]*/y
const ATTRIBUTE = /[^\s/>][^\s/>=]*/y
const VALUE = /(\s*=\s*)("[^"]*(?:"|$)|'[^']*(?:'|$)|[^\s>"'][^\s>]*)?/y

/**
 * An HTML page with each link that its elements hold replaced. Goes over the page once, whatever somebody has put into it: where
 * something does not end, the rest is left alone.
 */
export function replaceLinks(html: string, replace: (link: string) => string): string {
  let result = ''
  let done = 0
  for (let open = html.indexOf('<'); open >= 0; ) {
    const name = take(ELEMENT, html, open + 1)?.[0].toLowerCase()
    if (name === undefined) {
      open = html.indexOf('<', endOfMarkup(html, open))
      continue
    }
    const tag = readTag(html, open + 1 + name.length, LINKS[name] ?? [])
    if (tag === undefined) break
    for (const { start, end } of tag.links) {
      result += html.slice(done, start) + replaced(html.slice(start, end), replace)
      done = end
    }
    open = html.indexOf('<', VERBATIM.has(name) ? endOfText(html, name, tag.end) : tag.end)
  }
  return result + html.slice(done)
}

function take(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** After a comment, an end tag or the like, or a `<` that is none. */
function endOfMarkup(html: string, open: number): number {
  if (!/[!?/]/.test(html[open + 1] ?? '')) return open + 1
  const last = html.startsWith('<!--', open) ? '-->' : '>'
  const end = html.indexOf(last, open + 2)
  return end < 0 ? html.length : end + last.length
}

function endOfText(html: string, element: string, from: number): number {
  const end = new RegExp(`</${element}[\\s/>]`, 'gi')
  end.lastIndex = from
  return end.exec(html)?.index ?? html.length
}

interface Tag {
  /** After its `>`. */
  readonly end: number
  /** Where the values of the attributes asked for are, without their quotes. */
  readonly links: readonly { start: number; end: number }[]
}

function readTag(html: string, from: number, attributes: readonly string[]): Tag | undefined {
  const links: { start: number; end: number }[] = []
  for (let at = from; ; ) {
    at += take(GAP, html, at)![0].length
    const [name] = take(ATTRIBUTE, html, at) ?? []
    if (name === undefined) return html[at] === '>' ? { end: at + 1, links } : undefined
    at += name.length
    const [whole = '', equals = '', value] = take(VALUE, html, at) ?? []
    if (value !== undefined && attributes.includes(name.toLowerCase())) {
      const quotes = /^["']/.test(value) ? 1 : 0
      const start = at + equals.length + quotes
      links.push({ start, end: start + value.length - 2 * quotes })
    }
    at += whole.length
  }
}

function replaced(value: string, replace: (link: string) => string): string {
  const link = value.replaceAll('&amp;', '&')
  const other = replace(link)
  return other === link ? value : other.replaceAll('&', '&amp;')
}

/**
 * What an answer with these headers has to go through; nothing where it is no page. The length of what comes out is another:
 * the header that tells it is removed.
 */
export function linkReplacement(headers: Record<string, string | string[]>, page: ProxiedPage): Transform[] {
  const type = String(headers['content-type'] ?? '').split(';')[0]!
  if (type.trim() !== 'text/html' || headers.location !== undefined) return []
  const around = codecs(String(headers['content-encoding'] ?? ''))
  if (around === undefined) return []
  delete headers['content-length']
  const chunks: Buffer[] = []
  const replacing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
    flush(done) {
      // As bytes: whatever the page's encoding, markup and links are ASCII.
      const html = Buffer.concat(chunks).toString('latin1')
      done(
        null,
        Buffer.from(
          replaceLinks(html, link => proxiedLink(link, page)),
          'latin1',
        ),
      )
    },
  })
  const [decode, encode] = around
  return decode === undefined || encode === undefined ? [replacing] : [decode, replacing, encode]
}

/** Around a content coding; undefined where it is not known, and the page is left as it is. */
function codecs(coding: string): readonly [Transform?, Transform?] | undefined {
  if (coding === '') return []
  if (coding === 'gzip') return [createGunzip(), createGzip()]
  return coding === 'deflate' ? [createInflateRaw(), createDeflateRaw()] : undefined
}
