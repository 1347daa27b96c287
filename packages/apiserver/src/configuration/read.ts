/** Configuration files of the group apiserver.config.k8s.io: YAML or JSON, read strictly. */
import { aggregateText, type FieldError, fieldErrorText, isObject } from '@canopus/apimachinery'
import { load } from 'js-yaml'

/** The fields that a file may have: `true` is a value of any kind, a list any number of the same. */
export type FieldTree = true | readonly [FieldTree] | { readonly [field: string]: FieldTree }

const GROUP = 'apiserver.config.k8s.io'

/**
 * The object in a configuration file. Throws where it is of another kind or version, or has fields that nobody knows (an
 * option that is misspelt must not silently be off).
 */
export function readConfiguration(
  text: string,
  kind: string,
  versions: readonly string[],
  fields: { readonly [field: string]: FieldTree },
): Record<string, unknown> {
  const object = load(text)
  if (!isObject(object)) throw new Error(`expected a ${kind}`)
  return checkConfiguration(object, kind, { [kind]: versions.map(version => `${GROUP}/${version}`) }, fields)
}

/** The same of an object that was read already, and that may be of several kinds, each in some versions. */
export function checkConfiguration(
  object: unknown,
  what: string,
  kinds: Readonly<Record<string, readonly string[]>>,
  fields: { readonly [field: string]: FieldTree },
): Record<string, unknown> {
  if (!isObject(object)) throw new Error(`expected a ${what}`)
  const { apiVersion = '', kind = '' } = object
  for (const [field, value] of [
    ['Kind', kind],
    ['apiVersion', apiVersion],
  ]) {
    if (value === '') throw new MissingKindError(`Object '${field}' is missing in '${JSON.stringify(object)}'`)
  }
  if (!(Object.hasOwn(kinds, String(kind)) && kinds[String(kind)]!.includes(String(apiVersion)))) {
    throw new MissingKindError(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    )
  }
  const unknown = unknownFields(object, { apiVersion: true, kind: true, ...fields }, '')
  if (unknown.length > 0) {
    throw new Error(`strict decoding error: ${unknown.map(each => `unknown field ${JSON.stringify(each)}`).join(', ')}`)
  }
  return withoutNulls(object)
}

/** As Go reads it: a field that is null is one that is not there. */
function withoutNulls<T>(value: T): T
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(each => withoutNulls(each))
  if (!isObject(value)) return value
  const there = Object.entries(value).filter(([, inner]) => inner !== null)
  return Object.fromEntries(there.map(([name, inner]) => [name, withoutNulls(inner)]))
}

/** The object says no kind, or one that is not read here. */
export class MissingKindError extends Error {}

function unknownFields(value: unknown, tree: FieldTree, path: string): string[] {
  if (tree === true || value === null || value === undefined) return []
  if (isList(tree)) {
    if (!Array.isArray(value)) throw new Error(`${path}: expected a list`)
    return value.flatMap((each, index) => unknownFields(each, tree[0], `${path}[${index}]`))
  }
  if (!isObject(value)) throw new Error(`${path}: expected an object`)
  return Object.entries(value).flatMap(([name, inner]) => {
    const known = Object.hasOwn(tree, name) ? tree[name] : undefined
    const own = path === '' ? name : `${path}.${name}`
    return known === undefined ? [own] : unknownFields(inner, known, own)
  })
}

const isList = (tree: FieldTree): tree is readonly [FieldTree] => Array.isArray(tree)

/** Throws with all errors in one line, as Go's lists of errors print; does nothing where there are none. */
export function throwFieldErrors(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw new Error(aggregateText(errors.map(fieldErrorText)))
}
