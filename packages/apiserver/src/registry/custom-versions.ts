/**
 * The versions of a custom kind as apply sees them: a manager may have written in any version of the definition, and what it owns is
 * looked for in the objects as they are in that version (k8s.io/apimachinery/pkg/util/managedfields/internal/versionconverter.go).
 */
import {
  type KubeObject,
  misfit,
  parseApiVersion,
  plainError,
  StatusError,
  type StructSchema,
  type Versions,
} from '@canopus/apimachinery'
import type { KindStore } from './kind-store.ts'

type Plain = Readonly<Record<string, unknown>>

/** An object is wanted in another version, which takes a webhook to make. */
class Missing extends Error {
  readonly object: Plain
  readonly to: string

  constructor(object: Plain, to: string) {
    super()
    this.object = object
    this.to = to
  }
}

export class CustomVersions implements Versions {
  readonly mayFail = true
  readonly #store: KindStore
  /** What a webhook has made, by version and object. */
  readonly #made = new Map<string, Plain | StatusError>()

  constructor(store: KindStore) {
    this.#store = store
  }

  /** Throws StatusError for what is no version of the definition. */
  schemaOf(apiVersion: string): StructSchema {
    const { kind } = this.#store
    const schema = kind.custom!.schemaIn(apiVersion)
    if (schema !== undefined) return schema
    const { group, version } = parseApiVersion(apiVersion)
    if (group === kind.type.group) {
      throw plainError(`request to convert CR to an invalid group/version: ${group}/${version}`)
    }
    const own = `${this.#store.apiVersion}, Kind=${kind.type.kind}`
    throw plainError(`${own} is unstructured and is not suitable for converting to ${JSON.stringify(apiVersion)}`)
  }

  convert(object: Plain, from: string, to: string): Plain {
    const schema = this.schemaOf(to)
    const converted = this.converted(object, from, to)
    const problem = misfit(schema, converted)
    if (problem !== undefined) throw plainError(problem)
    return converted
  }

  private converted(object: Plain, from: string, to: string): Plain {
    if (this.#store.kind.custom!.convert === undefined) return { ...object, apiVersion: to }
    // By way of the version of the request.
    const own = this.#store.apiVersion
    return from === own || to === own ? this.known(object, to) : this.known(this.known(object, own), to)
  }

  /** Does the work until it needs nothing any more that is not known. */
  async asOftenAsNeeded<T>(work: () => T): Promise<T> {
    for (;;) {
      try {
        return work()
      } catch (error) {
        if (!(error instanceof Missing)) throw error
        const { object, to } = error
        this.#made.set(keyOf(object, to), await this.ask(object, to))
      }
    }
  }

  /** The object, or what is said to those who need it. */
  private async ask(object: Plain, to: string): Promise<Plain | StatusError> {
    try {
      const [made] = await this.#store.kind.custom!.convert!([object as unknown as KubeObject], to)
      return made as unknown as Plain
    } catch (error) {
      if (error instanceof StatusError) return error
      throw error
    }
  }

  private known(object: Plain, to: string): Plain {
    const made = this.#made.get(keyOf(object, to))
    if (made === undefined) throw new Missing(object, to)
    if (made instanceof StatusError) throw made
    return made
  }
}

const keyOf = (object: Plain, to: string): string => `${to} ${JSON.stringify(object)}`
