import { clone, setField } from '../clone.ts'
import { deepEqual } from '../equality.ts'
import { isObject, type JsonObject } from '../json/json-object.ts'
import { encodeJson } from '../json/stringify.ts'
import { jsonKind } from '../schema/decode-scalars.ts'
import { fieldOf, notOfType, PatchError } from './patch-error.ts'

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

/**
 * What reading operations strictly refuses before they are applied: parts that are no texts (jsonPatchOp in
 * k8s.io/apiserver/pkg/endpoints/handlers/patch.go). Throws `PatchError`.
 */
export function checkJsonPatch(patch: unknown): void {
  const refuse = (detail: string): PatchError => new PatchError('malformed', `error decoding patch: ${detail}`)
  if (patch === null) return
  if (!Array.isArray(patch)) throw refuse(notOfType(patch, '[]handlers.jsonPatchOp'))
  for (const operation of patch) {
    if (operation === null) continue
    if (!isObject(operation)) throw refuse(notOfType(operation, 'handlers.jsonPatchOp'))
    for (const [name, value] of Object.entries(operation)) {
      if (!TEXTS.has(name) || typeof value === 'string' || value === null) continue
      throw refuse(`json: cannot unmarshal ${jsonKind(value)} into Go struct field jsonPatchOp.${name} of type string`)
    }
  }
}

const TEXTS = new Set(['op', 'path', 'from'])

/** What is read as an operation that says nothing. */
const NO_OPERATION: Partial<JsonPatchOperation> = {}

function decodeOperations(patch: unknown): JsonPatchOperation[] {
  const wrongType = (value: unknown, type: string): PatchError => new PatchError('malformed', notOfType(value, type))
  if (patch === null) return []
  if (!Array.isArray(patch)) throw wrongType(patch, 'jsonpatch.Patch')
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    const limit = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`
    throw new PatchError('tooLarge', limit)
  }
  return patch.map(operation => {
    if (operation !== null && !isObject(operation)) throw wrongType(operation, 'jsonpatch.Operation')
    return (operation ?? NO_OPERATION) as JsonPatchOperation
  })
}

const unescapeKey = (key: string): string => key.replaceAll('~1', '/').replaceAll('~0', '~')

/** The index that `key` names in a list of `length`; negative ones count from the end, as upstream's library allows. */
function indexOf(key: string, length: number): number {
  if (!/^[+-]?[0-9]+$/.test(key)) {
    const quoted = JSON.stringify(key)
    throw unprocessable(`strconv.Atoi: parsing ${quoted}: invalid syntax`)
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
    if (typeof operation.path !== 'string') {
      const detail = op === 'add' || op === 'remove' || op === 'copy' ? '' : ': operation missing path field'
      throw missing(`${op} operation failed to decode path${detail}`)
    }
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
    else {
      const at = wrap(
        `value was not a proper array index: '${key}'`,
        () => indexOf(key, container.length + 1),
        isSyntax,
      )
      container.splice(at, 0, value)
    }
  }

  #delete(container: Container, key: string): void {
    if (Array.isArray(container)) container.splice(indexOf(key, container.length), 1)
    else if (Object.hasOwn(container, key)) delete container[key]
    else throw missing(`Unable to remove nonexistent key: ${key}`)
  }

  /** The value at `key`; nothing for a missing field, as the library has it, but an error for a missing item. */
  #get(container: Container, key: string): unknown {
    return Array.isArray(container) ? container[indexOf(key, container.length)] : fieldOf(container, key)
  }

  #add(path: string, value: unknown): void {
    if (path === '') {
      this.document = value
      return
    }
    const place = this.#find(path, true)
    if (place === undefined) throw missing(`add operation does not apply: doc is missing path: "${path}"`)
    wrap(`error in add for path: '${path}'`, () => this.#insert(place.container, place.key, value))
  }

  #remove(path: string): void {
    const place = this.#find(path, true)
    if (place === undefined) throw missing(`remove operation does not apply: doc is missing path: "${path}"`)
    wrap(`error in remove for path: '${path}'`, () => this.#delete(place.container, place.key))
  }

  #replace(path: string, value: unknown): void {
    if (path === '') {
      this.document = value
      return
    }
    const place = this.#find(path, true)
    if (place === undefined) throw missing(`replace operation does not apply: doc is missing path: ${path}`)
    const { container, key } = place
    // A missing field of an object is simply set: RFC 6902 forbids it, but upstream's clients have come to rely on it.
    if (Array.isArray(container) && this.#peek(container, key) === undefined) {
      throw missing(`replace operation does not apply: doc is missing key: ${path}`)
    }
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
    const actual = wrap(`error in test for path: '${path}'`, () => this.#get(place.container, place.key))
    if (!deepEqual(actual ?? null, value)) throw failed()
  }

  #source(kind: 'move' | 'copy', from: unknown, change: boolean): { container: Container; key: string } {
    if (typeof from !== 'string')
      throw missing(`${kind} operation failed to decode from: operation, missing from field`)
    const place = this.#find(from, change)
    if (place === undefined) throw missing(`${kind} operation does not apply: doc is missing from path: ${from}`)
    return place
  }

  #destination(kind: 'move' | 'copy', path: string): { container: Container; key: string } {
    const place = this.#find(path, true)
    if (place !== undefined) return place
    throw missing(`${kind} operation does not apply: doc is missing destination path: ${path}`)
  }

  #move(path: string, from: unknown): void {
    const source = this.#source('move', from, true)
    const value = wrap(`error in move for path: '${source.key}'`, () => {
      const moved = this.#get(source.container, source.key)
      this.#delete(source.container, source.key)
      return moved
    })
    const { container, key } = this.#destination('move', path)
    wrap(`error in move for path: '${path}'`, () => this.#insert(container, key, value))
  }

  #copy(path: string, from: unknown): void {
    const source = this.#source('copy', from, false)
    const value = wrap(`error in copy for from: '${from}'`, () => this.#get(source.container, source.key)) ?? null
    const { container, key } = this.#destination('copy', path)
    this.#copied += encodeJson(value).length
    if (this.#copied > MAX_JSON_PATCH_COPY_BYTES) {
      const limit = `exceeding the limit ${MAX_JSON_PATCH_COPY_BYTES}`
      const message = `Unable to complete the copy, the accumulated size increase of copy is ${this.#copied}, ${limit}`
      throw new PatchError('tooLarge', message)
    }
    wrap('error while adding value during copy', () => this.#insert(container, key, clone(value)))
  }
}

const isSyntax = (error: PatchError): boolean => error.message.startsWith('strconv')

/** Puts `context` in front of what went wrong in `action`. */
function wrap<T>(context: string, action: () => T, applies: (error: PatchError) => boolean = () => true): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof PatchError && applies(error)) throw unprocessable(`${context}: ${error.message}`)
    throw error
  }
}
