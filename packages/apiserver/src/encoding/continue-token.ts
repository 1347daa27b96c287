/** The opaque token between the pages of a list (k8s.io/apiserver/pkg/storage/continue.go): same content, same encoding. */
import { badRequestError, StatusError } from '@canopus/apimachinery'

export interface ContinueToken {
  /** The revision that all pages show; -1 means "whatever is newest", for lists that were cut off by compaction. */
  readonly revision: number
  /** Key below the resource's prefix where the next page begins. */
  readonly start: string
}

export function encodeContinue(token: ContinueToken): string {
  const value = { v: 'meta.k8s.io/v1', rv: token.revision, start: token.start }
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Throws StatusError 400 for what was not made by `encodeContinue`. */
export function decodeContinue(text: string): ContinueToken {
  const bad = (): StatusError => badRequestError('continue key is not valid: the token cannot be read')
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    throw bad()
  }
  const { v, rv, start } = (value ?? {}) as { v?: unknown; rv?: unknown; start?: unknown }
  if (v !== 'meta.k8s.io/v1') {
    throw badRequestError(
      `continue key is not valid: server does not recognize this encoded version ${JSON.stringify(String(v))}`,
    )
  }
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) {
    throw badRequestError('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)')
  }
  if (typeof start !== 'string' || start === '') {
    throw badRequestError('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)')
  }
  if (start.startsWith('/') || start.split('/').includes('..')) {
    throw badRequestError(`continue key is not valid: invalid continue key: ${JSON.stringify(start)}`)
  }
  return { revision: rv, start }
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
