import { clone, setField } from '../clone.ts'
import { deepEqual } from '../equality.ts'
import { fieldOf, isObject, type JsonObject, PatchError } from './patch-error.ts'

/** Upstream's limits (k8s.io/apiserver/pkg/endpoints/handlers/patch.go, server/config.go). */
export const MAX_JSON_PATCH_OPERATIONS = 10_000
export const MAX_JSON_PATCH_COPY_BYTES = 3 * 1024 * 1024

export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test'
  path: string
  from?: string
  value?: unknown
}

type Container = Record<string, unknown> | unknown[]

const unprocessable = (message: string): PatchError => new PatchError('unprocessable', message)
const missing = (message: string): PatchError => unprocessable(`${message}: missing value`)
const badIndex = (index: number): string => `Unable to access invalid index: ${index}: invalid index referenced`

/**
 * Applies a JSON patch (RFC 6902). Neither input is changed: containers along changed paths are copied once. Messages are
 * those of the library that upstream uses (evanphx/json-patch v4). Throws `PatchError`.
 */
export function applyJsonPatch(document: JsonObject, patch: unknown): JsonObject {
  const operations = decodeOperations(patch)
  const run = new JsonPatchRun(document)
  for (const operation of operations) run.apply(operation)
  if (!isObject(run.document)) throw unprocessable('the patched document is not an object')
  return run.document
}

const jsonKind = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value

function decodeOperations(patch: unknown): JsonPatchOperation[] {
  const wrongType = (value: unknown, type: string): PatchError =>
    new PatchError(
      'malformed',
      `error decoding patch: json: cannot unmarshal ${jsonKind(value)} into Go value of type jsonpatch.${type}`,
    )
  if (!Array.isArray(patch)) throw wrongType(patch, 'Patch')
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    const limit = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`
    throw new PatchError('tooLarge', limit)
  }
  for (const operation of patch) if (!isObject(operation)) throw wrongType(operation, 'Operation')
  return patch as JsonPatchOperation[]
}

const unescapeKey = (key: string): string => key.replaceAll('~1', '/').replaceAll('~0', '~')

/** The index that `key` names in a list of `length`; negative ones count from the end, as upstream's library allows. */
function indexOf(key: string, length: number): number {
  if (!/^[+-]?[0-9]+$/.test(key)) {
    const quoted = JSON.stringify(key)
    throw unprocessable(`value was not a proper array index: '${key}': strconv.Atoi: parsing ${quoted}: invalid syntax`)
  }
  const index = Number(key)
  if (index >= length || index < -length) throw unprocessable(badIndex(index))
  return index < 0 ? index + length : index
}

class JsonPatchRun {
  document: unknown
  /** Containers made by this run, which it may change in place. */
  readonly #own = new Set<unknown>()
  #copied = 0

  constructor(document: JsonObject) {
    this.document = document
  }

  apply(operation: JsonPatchOperation): void {
    const { op } = operation
    if (!['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(op)) {
      throw unprocessable(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`)
    }
    if (typeof operation.path !== 'string') throw missing(`${op} operation failed to decode path`)
    switch (op) {
      case 'add':
        this.#add(operation.path, operation.value ?? null)
        break
      case 'remove':
        this.#remove(operation.path)
        break
      case 'replace':
        this.#replace(operation.path, operation.value ?? null)
        break
      case 'test':
        this.#test(operation.path, operation.value ?? null)
        break
      case 'move':
        this.#move(operation.path, operation.from)
        break
      case 'copy':
        this.#copy(operation.path, operation.from)
        break
    }
  }

  /** The container that holds the last part of `path`, ready to be changed where `change` is set; nothing where it is missing. */
  #find(path: string, change: boolean): { container: Container; key: string } | undefined {
    const parts = path.split('/')
    if (parts.length < 2) return undefined
    let container = this.#asContainer(this.document)
    if (container === undefined) return undefined
    if (change) this.document = container = this.#owned(container)
    for (const part of parts.slice(1, -1)) {
      const key = unescapeKey(part)
      const next = this.#asContainer(this.#peek(container, key))
      if (next === undefined) return undefined
      const child: Container = change ? this.#owned(next) : next
      if (change && child !== next) this.#put(container, key, child)
      container = child
    }
    return { container, key: unescapeKey(parts.at(-1)!) }
  }

  #asContainer(value: unknown): Container | undefined {
    return typeof value === 'object' && value !== null ? (value as Container) : undefined
  }

  #owned(container: Container): Container {
    if (this.#own.has(container)) return container
    const copy = Array.isArray(container) ? [...container] : { ...container }
    this.#own.add(copy)
    return copy
  }

  #peek(container: Container, key: string): unknown {
    if (!Array.isArray(container)) return fieldOf(container, key)
    const index = Number(key)
    return /^[+-]?[0-9]+$/.test(key) ? container.at(index) : undefined
  }

  #put(container: Container, key: string, value: unknown): void {
    if (Array.isArray(container)) container[indexOf(key, container.length)] = value
    else setField(container, key, value)
  }

  #insert(container: Container, key: string, value: unknown): void {
    if (!Array.isArray(container)) setField(container, key, value)
    else if (key === '-') container.push(value)
    else container.splice(indexOf(key, container.length + 1), 0, value)
  }

  #delete(container: Container, key: string): void {
    if (Array.isArray(container)) container.splice(indexOf(key, container.length), 1)
    else if (Object.hasOwn(container, key)) delete container[key]
    else throw missing(`Unable to remove nonexistent key: ${key}`)
  }

  /** The value at `key`; throws what the library says of a missing one. */
  #get(container: Container, key: string): unknown {
    if (Array.isArray(container)) return container[indexOf(key, container.length)]
    if (!Object.hasOwn(container, key)) throw missing(`unable to get nonexistent key: ${key}`)
    return container[key]
  }

  #wrap<T>(context: string, action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw error instanceof PatchError ? unprocessable(`${context}: ${error.message}`) : error
    }
  }

  #add(path: string, value: unknown): void {
    if (path === '') {
      this.document = value
      return
    }
    const place = this.#find(path, true)
    if (place === undefined) throw missing(`add operation does not apply: doc is missing path: "${path}"`)
    this.#wrap(`error in add for path: '${path}'`, () => this.#insert(place.container, place.key, value))
  }

  #remove(path: string): void {
    const place = this.#find(path, true)
    if (place === undefined) throw missing(`remove operation does not apply: doc is missing path: "${path}"`)
    this.#wrap(`error in remove for path: '${path}'`, () => this.#delete(place.container, place.key))
  }

  #replace(path: string, value: unknown): void {
    if (path === '') {
      this.document = value
      return
    }
    const place = this.#find(path, true)
    if (place === undefined) throw missing(`replace operation does not apply: doc is missing path: ${path}`)
    const { container, key } = place
    const present = Array.isArray(container) ? this.#peek(container, key) !== undefined : Object.hasOwn(container, key)
    if (!present) throw missing(`replace operation does not apply: doc is missing key: ${path}`)
    this.#put(container, key, value)
  }

  #test(path: string, value: unknown): void {
    const failed = (): PatchError => unprocessable(`testing value ${path} failed: test failed`)
    if (path === '') {
      if (!deepEqual(this.document, value)) throw failed()
      return
    }
    const place = this.#find(path, false)
    if (place === undefined) throw missing(`test operation does not apply: is missing path: ${path}`)
    const { container, key } = place
    const actual = Array.isArray(container)
      ? this.#wrap(`error in test for path: '${path}'`, () => this.#get(container, key))
      : (fieldOf(container, key) ?? null)
    if (!deepEqual(actual, value)) throw failed()
  }

  #take(kind: 'move' | 'copy', from: string | undefined): unknown {
    if (typeof from !== 'string') throw missing(`${kind} operation failed to decode from`)
    const place = this.#find(from, false)
    if (place === undefined) throw missing(`${kind} operation does not apply: doc is missing from path: ${from}`)
    return this.#wrap(`error in ${kind} for path: '${from}'`, () => this.#get(place.container, place.key))
  }

  #place(kind: 'move' | 'copy', path: string, value: unknown): void {
    const place = this.#find(path, true)
    if (place === undefined) {
      throw missing(`${kind} operation does not apply: doc is missing destination path: ${path}`)
    }
    this.#wrap(`error in ${kind} for path: '${path}'`, () => this.#insert(place.container, place.key, value))
  }

  #move(path: string, from: string | undefined): void {
    const value = this.#take('move', from)
    // RFC 6902 section 4.4: a value cannot move into itself.
    if (path.startsWith(`${from}/`))
      throw missing(`move operation does not apply: doc is missing destination path: ${path}`)
    const source = this.#find(from!, true)!
    this.#delete(source.container, source.key)
    this.#place('move', path, value)
  }

  #copy(path: string, from: string | undefined): void {
    const value = this.#take('copy', from)
    this.#copied += JSON.stringify(value)?.length ?? 0
    if (this.#copied > MAX_JSON_PATCH_COPY_BYTES) {
      const limit = `exceeding the limit ${MAX_JSON_PATCH_COPY_BYTES}`
      const message = `Unable to complete the copy, the accumulated size increase of copy is ${this.#copied}, ${limit}`
      throw new PatchError('tooLarge', message)
    }
    this.#place('copy', path, clone(value))
  }
}
