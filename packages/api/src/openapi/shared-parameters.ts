import { fnv1x64 } from '@canopus/apimachinery'
import type { JsonSchema } from './types.ts'

const GENERIC = '#/definitions/io.k8s.apimachinery'

/**
 * Parameters of a v2 document that many requests have, written once and referred to by name. Which ones, and under which names, is as in
 * k8s.io/kube-openapi pkg/builder/parameters.go: a name tells the content, so that parts of a document fit together.
 */
export class SharedParameters {
  readonly #names = new Map<string, string>()
  readonly #byName: Record<string, JsonSchema> = {}

  /** The parameter itself, or the reference to it. */
  write(parameter: JsonSchema): JsonSchema {
    if (!isShared(parameter)) return parameter
    const text = JSON.stringify(parameter)
    let name = this.#names.get(text)
    if (name === undefined) {
      name = `${parameter.name}-${base64Url(fnv1x64(text)).slice(0, 8)}`
      this.#names.set(text, name)
      this.#byName[name] = parameter
    }
    return { $ref: `#/parameters/${name}` }
  }

  /** Those that are referred to, by name. */
  all(): Record<string, JsonSchema> {
    return Object.fromEntries(Object.entries(this.#byName).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

/** Not what names a kind, and not what older kubectls look for at each request to learn what the server can do. */
function isShared({ name, in: place, schema }: JsonSchema): boolean {
  if (place === 'body') return String((schema as JsonSchema | undefined)?.$ref).startsWith(GENERIC)
  return name !== 'name' && name !== 'fieldValidation' && name !== 'dryRun'
}

/** The eight bytes of a number, highest first. */
function base64Url(hash: bigint): string {
  const bytes = Array.from({ length: 8 }, (_, index) => Number((hash >> BigInt(56 - 8 * index)) & 0xffn))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
