/** The opaque token between the pages of a list (k8s.io/apiserver/pkg/storage/continue.go): same content, same encoding. */
import { badRequestError, parseJson, StatusError } from '@canopus/apimachinery'

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
  let value: unknown
  try {
    value = parseJson(Buffer.from(text, 'base64url').toString())
  } catch (error) {
    throw bad(`: ${(error as Error).message}`)
  }
  const { v = '', rv = 0, start = '' } = (value ?? {}) as { v?: unknown; rv?: unknown; start?: unknown }
  if (v !== 'meta.k8s.io/v1') throw bad(`: server does not recognize this encoded version ${String(v)}`)
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0) {
    throw bad(': incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  }
  if (typeof start !== 'string' || start === '') throw bad(': encoded start key empty (version meta.k8s.io/v1)')
  if (!isClean(start)) throw bad(`: ${start}`)
  return { revision: Math.max(rv, -1), start }
}

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
