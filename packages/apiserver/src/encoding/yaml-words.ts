/**
 * What upstream's reader of YAML says of texts that ours refuses (go.yaml.in/yaml/v2: readerc.go, scannerc.go, parserc.go, and `fail` in
 * decode.go). It counts lines from 1 where a token cannot be read, and from 0 where a token does not fit;
 * the first line is not told.
 */
import { isUtf8 } from 'node:buffer'
import { YAMLException } from 'js-yaml'

type Words = string | ((line: number, rest: string, match: RegExpExecArray) => string)

const scanning = (words: string) => (line: number) => (line > 1 ? `line ${line}: ${words}` : words)
const parsing = (words: string) => (line: number) => (line > 1 ? `line ${line - 1}: ${words}` : words)

const NOT_HERE = 'are not allowed in this context'
const NO_TOKEN = 'found character that cannot start any token'
const NO_KEY = 'did not find expected key'
const NO_NODE = 'did not find expected node content'

/** What stands where an entry of a map is not expected says what it was taken for. */
function misplaced(line: number, rest: string): string {
  if (/^:(?:\s|$)/.test(rest)) return scanning(`mapping values ${NOT_HERE}`)(line)
  if (/^\?(?:\s|$)/.test(rest)) return scanning(`mapping keys ${NOT_HERE}`)(line)
  if (/^-(?:\s|$)/.test(rest)) return scanning(`block sequence entries ${NOT_HERE}`)(line)
  if (/^[@`%\t]/.test(rest)) return scanning(NO_TOKEN)(line)
  if (/^[,\]}]/.test(rest)) return parsing(NO_NODE)(line)
  return parsing(NO_KEY)(line)
}

/** What stands in brackets where a comma or their end is expected; `before` is the text before it. */
function misplacedInside(line: number, rest: string, before: string): string {
  if (/^[@`%|>\t]/.test(rest)) return scanning(NO_TOKEN)(line)
  if (/^(?:[,?:]|-\s)/.test(rest)) return parsing(NO_NODE)(line)
  return parsing(`did not find expected ',' or '${openEnd(before) === ']' ? ']' : '}'}'`)(line)
}

/** A tag that says what the text behind it is not. */
function undecodable(_line: number, rest: string, [, wanted]: RegExpExecArray): string {
  const text = /^!\S*\s+("[^"]*"|'[^']*'|[^\n,\]}]*)/.exec(rest)?.[1]?.trim() ?? ''
  const isQuoted = /^["']/.test(text)
  const type = !isQuoted && /^[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text) ? 'float' : 'str'
  return `cannot decode !!${type} \`${isQuoted ? text.slice(1, -1) : text}\` as a !!${wanted}`
}

/** By how our reader begins to tell what is wrong. */
const WORDS: readonly (readonly [RegExp, Words])[] = [
  [/^tab characters must not be used/, scanning(NO_TOKEN)],
  [/^unidentified alias "(.*)"/, (_, __, [, name]) => `unknown anchor '${name}' referenced`],
  [/^cannot resolve a node with !<tag:yaml\.org,2002:(\w+)>/, undecodable],
  [/^cannot merge mappings/, 'map merge requires map or sequence of maps as the value'],
  [/^bad indentation of a (?:mapping|sequence) entry/, misplaced],
  [/^end of the stream or a document separator/, misplaced],
  [/^expected the node content, but found/, parsing(NO_NODE)],
  [/^can not read a block mapping entry/, scanning("could not find expected ':'")],
  [/^expected ':' after a mapping key/, line => scanning("could not find expected ':'")(line + 1)],
  [/^unknown escape sequence/, scanning('found unknown escape character')],
  [/^expected hexadecimal character/, scanning('did not find expected hexdecimal number')],
  [/^bad explicit indentation width/, scanning('found an indentation indicator equal to 0')],
  [/^repeat of a chomping mode/, scanning('did not find expected comment or line break')],
  [
    /^(?:expected valid JSON character|the stream contains non-printable|null byte)/,
    'control characters are not allowed',
  ],
]

/** The error as upstream words it; as our reader does where no words are known. */
export function yamlWords(error: unknown, text: string): string {
  if (!(error instanceof YAMLException)) return String(error instanceof Error ? error.message : error).split('\n')[0]!
  const { reason, mark } = error
  const line = (mark?.line ?? 0) + 1
  const rest = text.slice(mark?.position ?? text.length)
  if (/^deficient indentation|^unexpected end of the/.test(reason)) {
    const found = openEnd(text)
    if (found !== undefined)
      return found === 'quote'
        ? scanning('found unexpected end of stream')(line)
        : parsing(`did not find expected ',' or '${found}'`)(line)
  }
  if (reason.startsWith('missed comma between flow')) return misplacedInside(line, rest, text.slice(0, mark?.position))
  for (const [pattern, words] of WORDS) {
    const match = pattern.exec(reason)
    if (match !== null) return typeof words === 'string' ? words : words(line, rest, match)
  }
  return error.message.split('\n')[0]!
}

/** What the text ends inside of: quotes, or a list or map in brackets, which is told by what would close it. */
function openEnd(text: string): 'quote' | ']' | '}' | undefined {
  const open: (']' | '}')[] = []
  const token = /"(?:[^"\\]|\\[\s\S])*("?)|'(?:[^']|'')*('?)|(?:^|\s)#[^\n]*|[[\]{}]/g
  for (const [found, double, single] of text.matchAll(token)) {
    if (double === '' || single === '') return 'quote'
    if (found === '[') open.push(']')
    else if (found === '{') open.push('}')
    else if (found === ']' || found === '}') open.pop()
  }
  return open.at(-1)
}

/** Why the bytes cannot be the characters of a text, if they cannot. */
export function characterProblem(body: Uint8Array): string | undefined {
  return isUtf8(body) ? undefined : utf8Problem(body)
}

/** What upstream's reader, which is of YAML 1.1, does not know of what stands before a document. */
export function directiveProblem(text: string): string | undefined {
  if (!text.startsWith('%') && !text.includes('\n%')) return undefined
  for (const line of text.split('\n')) {
    if (/^\s*(?:#|$)/.test(line)) continue
    if (!line.startsWith('%')) return undefined
    const [name, version] = line.slice(1).trim().split(/\s+/)
    if (name === 'YAML' && version !== '1.1') return 'found incompatible YAML document'
    if (name !== 'YAML' && name !== 'TAG') return 'found unknown directive name'
  }
  return undefined
}

function utf8Problem(body: Uint8Array): string {
  for (let at = 0; at < body.length; ) {
    const first = body[at]!
    const width = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0
    if (width === 0) return 'invalid leading UTF-8 octet'
    if (at + width > body.length) return 'incomplete UTF-8 octet sequence'
    for (let next = at + 1; next < at + width; next++) {
      if ((body[next]! & 0xc0) !== 0x80) return 'invalid trailing UTF-8 octet'
    }
    if (!isUtf8(body.subarray(at, at + width))) return 'invalid Unicode character'
    at += width
  }
  return 'invalid Unicode character'
}
