/** The opaque token between the pages of a list (k8s.io/apiserver/pkg/storage/continue.go): same content, same encoding. */
import { badRequestError, isObject, jsonKind, parseJson, StatusError } from '@canopus/apimachinery'

export interface ContinueToken {
  /** The revision that all pages show; -1 means "whatever is newest", for lists that were cut off by compaction. */
  readonly revision: number
  /** Key below what is listed (a namespace, or all of a resource) where the next page begins, with a slash in front. */
  readonly start: string
}

export function encodeContinue(token: ContinueToken): string {
  const value = { v: 'meta.k8s.io/v1', rv: token.revision, start: token.start }
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Throws StatusError 400 for what was not made by `encodeContinue`. */
export function decodeContinue(text: string): ContinueToken {
  const bad = (problem: string): StatusError =>
    badRequestError(`invalid continue token: continue key is not valid${problem}`)
  const broken = text.search(/[^\w-]/)
  if (broken >= 0 || text.length % 4 === 1) {
    throw bad(`: illegal base64 data at input byte ${broken < 0 ? text.length - 1 : broken}`)
  }
  const { v = '', rv = 0, start = '' } = readToken(Buffer.from(text, 'base64url'), bad)
  if (v !== 'meta.k8s.io/v1') throw bad(`: server does not recognize this encoded version ${v}`)
  if (!Number.isSafeInteger(rv) || rv === 0) {
    throw bad(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  }
  if (start === '') throw bad(': encoded start key empty (version meta.k8s.io/v1)')
  if (!isClean(start)) throw bad(`: ${start}`)
  return { revision: Math.max(rv, -1), start }
}

interface Fields {
  v?: string
  rv?: number
  start?: string
}

/** The fields of a token as Go's decoder takes them: with names in any case, of their own types alone. */
function readToken(bytes: Buffer, bad: (problem: string) => StatusError): Fields {
  let value: unknown
  try {
    value = parseJson(bytes.toString())
  } catch (error) {
    throw bad(`: ${(error as Error).message}`)
  }
  if (value === null) return {}
  if (!isObject(value))
    throw bad(`: json: cannot unmarshal ${jsonKind(value)} into Go value of type storage.continueToken`)
  const fields: Fields = {}
  for (const [name, each] of Object.entries(value)) {
    const field = name.toLowerCase() as keyof Fields
    if (each === null || !Object.hasOwn(FIELD_TYPES, field)) continue
    const fits = field === 'rv' ? isInt64(each) : typeof each === 'string'
    if (!fits) {
      const given = jsonKind(each, field === 'rv')
      const type = FIELD_TYPES[field]
      throw bad(`: json: cannot unmarshal ${given} into Go struct field continueToken.${field} of type ${type}`)
    }
    Object.assign(fields, { [field]: field === 'rv' ? Number(each) : each })
  }
  return fields
}

/** Integers beyond 64 bits come as floats. */
const isInt64 = (value: unknown): boolean => typeof value === 'bigint' || Number.isSafeInteger(value)

const FIELD_TYPES = { v: 'string', rv: 'int64', start: 'string' }

/** Whether a path stays as it is where `.`, `..`, `//` and an ending `/` are resolved: nothing leads out of the prefix. */
function isClean(path: string): boolean {
  const segments = path.replace(/^\//, '').split('/')
  return path === '/' || segments.every(each => each !== '' && each !== '.' && each !== '..')
}

/** 410 with a token that goes on at the newest state, as upstream offers it. */
export function expiredContinue(start: string): StatusError {
  return new StatusError({
    code: 410,
    reason: 'Expired',
    message:
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    metadata: { continue: encodeContinue({ revision: -1, start }) },
  })
}
