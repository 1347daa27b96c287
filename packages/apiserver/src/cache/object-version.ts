/** One version of one object: its bytes, and whatever was made of them on demand. */
import {
  encodeJson,
  hasLongNumber,
  type KubeObject,
  knownText,
  type ManagedFieldsEntry,
  parseJson,
  sharedAfterRoundTrip,
} from '@canopus/apimachinery'
import { Deque } from '@canopus/base'

/** How many versions keep their parsed form. Older ones are parsed again when somebody asks. */
const PARSED_LIMIT = 4096
const recentlyParsed: (ObjectVersion | undefined)[] = new Array(PARSED_LIMIT).fill(undefined)
let nextSlot = 0

/**
 * So many versions know the object that they were written from, until somebody asks for it or others come. Few: objects that stay
 * cost the garbage collector more than parsing those few that are asked for.
 */
const WRITTEN_LIMIT = 64
const recentlyWritten: (ObjectVersion | undefined)[] = new Array(WRITTEN_LIMIT).fill(undefined)
let nextWritten = 0

/** The same for bytes of which there is no version yet: watches bring the version before the write is answered. */
const madeOf = new Map<Uint8Array, KubeObject>()
/** More: each goes as soon as it is asked for, and hundreds of pods may be made before the first of them is delivered. */
const MADE_LIMIT = 1024

/** Tells what bytes were made of that are being stored. The object must not change any more. */
export function wereMadeOf(bytes: Uint8Array, object: KubeObject): void {
  madeOf.set(bytes, object)
  if (madeOf.size <= MADE_LIMIT) return
  const [oldest] = madeOf.keys()
  madeOf.delete(oldest!)
}

/**
 * So many bytes of other encodings are kept, of all versions together and with what these weigh themselves (they may have been
 * replaced since). The oldest are made again when somebody asks.
 */
const ENCODED_LIMIT = 128 * 1024 * 1024
const encoded = new Deque<{ version: ObjectVersion; id: string; weight: number }>()
let encodedBytes = 0

export class ObjectVersion {
  readonly key: string
  /** Empty for cluster-scoped objects. */
  readonly namespace: string
  readonly name: string
  /** The object as JSON with this version's `resourceVersion` inside. Shared: never change it. */
  readonly bytes: Uint8Array
  readonly revision: number
  #object: KubeObject | undefined
  #hasLong = false
  /** Whether others in this process may hold the object too. */
  #isShared = false
  /** The object where others hold it: then parsing it again would make a second one. */
  #elsewhere: WeakRef<KubeObject> | undefined
  /** What `bytes` were made of. */
  #written: KubeObject | undefined
  #encodings: Map<string, Uint8Array> | undefined

  constructor(key: string, namespace: string, name: string, bytes: Uint8Array, revision: number) {
    this.key = key
    this.namespace = namespace
    this.name = name
    this.bytes = bytes
    this.revision = revision
  }

  /** The parsed object. Shared: never change it. */
  get object(): KubeObject {
    if (this.#object !== undefined) return this.#object
    const object = this.#elsewhere?.deref() ?? this.makeAgain() ?? this.parse()
    this.#written = undefined
    this.keep(object)
    return object
  }

  /** The same as `JSON.parse` gives it; undefined where there may be an integer that no number shows. Shared: never change it. */
  get plain(): KubeObject | undefined {
    const { object } = this
    if (this.#hasLong) return undefined
    this.#isShared = true
    return object
  }

  /** Whether it is known, for the moment, what the bytes were made of: then the object takes no parsing. */
  get isSourceKnown(): boolean {
    return madeOf.has(this.bytes)
  }

  private makeAgain(): KubeObject | undefined {
    const written = this.#written ?? madeOf.get(this.bytes)
    if (written === undefined) return undefined
    madeOf.delete(this.bytes)
    return readAgain(written, this.revision)
  }

  private parse(): KubeObject {
    const text = asBuffer(this.bytes).toString()
    this.#hasLong = hasLongNumber(text)
    return parseJson(text) as KubeObject
  }

  private keep(object: KubeObject): void {
    this.#object = object
    recentlyParsed[nextSlot]?.letGo()
    recentlyParsed[nextSlot] = this
    nextSlot = (nextSlot + 1) % PARSED_LIMIT
  }

  /** Tells what this version was written from, which spares parsing it. The object must not change any more. */
  wasWrittenFrom(object: KubeObject): void {
    if (this.#object !== undefined || this.#written !== undefined) return
    this.#written = object
    recentlyWritten[nextWritten]?.forgetWritten()
    recentlyWritten[nextWritten] = this
    nextWritten = (nextWritten + 1) % WRITTEN_LIMIT
  }

  /** A parsed object that belongs to the caller. */
  parsePrivate(): KubeObject {
    return parse(this.bytes)
  }

  /** The bytes of another encoding, made once per version while it is used. */
  encoding(id: string, make: (version: ObjectVersion) => Uint8Array): Uint8Array {
    const known = this.#encodings?.get(id)
    if (known !== undefined) return known
    const made = make(this)
    this.#encodings ??= new Map()
    this.#encodings.set(id, made)
    const weight = made.byteLength + this.bytes.byteLength
    encoded.push({ version: this, id, weight })
    encodedBytes += weight
    while (encodedBytes > ENCODED_LIMIT && encoded.length > 1) {
      const oldest = encoded.shift()!
      oldest.version.forgetEncoding(oldest.id)
      encodedBytes -= oldest.weight
    }
    return made
  }

  /** The same object with another revision inside, as the event of its removal shows it. */
  atRevision(revision: number): ObjectVersion {
    const bytes = restamp(this.bytes, this.revision, revision)
    const version = new ObjectVersion(this.key, this.namespace, this.name, bytes, revision)
    if (this.#object !== undefined) {
      const metadata = { ...this.#object.metadata, resourceVersion: String(revision) }
      version.#hasLong = this.#hasLong
      version.keep({ ...this.#object, metadata })
    }
    return version
  }

  private forgetEncoding(id: string): void {
    this.#encodings?.delete(id)
    if (this.#encodings?.size === 0) this.#encodings = undefined
  }

  /** Drops the parsed object, which nobody is likely to ask for again. */
  forget(): void {
    this.#object = undefined
    this.#elsewhere = undefined
  }

  /** Drops the parsed object, but finds it again while somebody else, an informer mostly, holds it. */
  private letGo(): void {
    if (this.#isShared && this.#object !== undefined) this.#elsewhere ??= new WeakRef(this.#object)
    this.#object = undefined
  }

  private forgetWritten(): void {
    this.#written = undefined
  }
}

/** A stored version as somebody else has converted it. */
export class ConvertedVersion extends ObjectVersion {
  readonly source: ObjectVersion

  constructor(source: ObjectVersion, bytes: Uint8Array) {
    super(source.key, source.namespace, source.name, bytes, source.revision)
    this.source = source
  }
}

/** What the store holds of a version. */
export const sourceOf = (version: ObjectVersion): ObjectVersion =>
  version instanceof ConvertedVersion ? version.source : version

/** What parsing `stampedBytes` of an object gives. It does not change any more, so that its parts are shared. */
function readAgain(written: KubeObject, revision: number): KubeObject | undefined {
  const { kind, apiVersion, metadata, ...rest } = written
  const { resourceVersion: _, managedFields, ...meta } = metadata
  const object = sharedAfterRoundTrip({
    kind,
    apiVersion,
    metadata: { resourceVersion: String(revision), ...meta },
    ...rest,
  } as KubeObject)
  if (object !== undefined && managedFields !== undefined) object.metadata.managedFields = managedFields
  return object
}

function parse(bytes: Uint8Array): KubeObject {
  return parseJson(asBuffer(bytes).toString()) as KubeObject
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Whether the bytes are JSON that carries this revision (objects that another API server wrote do not). */
export function isStamped(bytes: Uint8Array, revision: number): boolean {
  if (bytes[0] !== BRACE) return false
  const stamp = String(revision)
  const at = endOfStampHead(bytes)
  if (at > 0 && hasAt(bytes, at, stamp) && bytes[at + stamp.length] === QUOTE) return true
  return asBuffer(bytes).includes(`"resourceVersion":"${stamp}"`)
}

const BRACE = 0x7b
const QUOTE = 0x22
const LETTER_M = 0x6d
/** What stands before the revision of what `stampedBytes` has written. */
const STAMP_HEAD = '"metadata":{"resourceVersion":"'
/** It comes behind the kind and the API version, which have no more than this. */
const STAMP_WITHIN = 512

/** Where the revision begins; 0 where it is not found so. By hand, which takes a tenth of a search by the system's. */
function endOfStampHead(bytes: Uint8Array): number {
  const last = Math.min(bytes.length, STAMP_WITHIN) - STAMP_HEAD.length
  for (let at = 1; at < last; at++) {
    if (bytes[at] === QUOTE && bytes[at + 1] === LETTER_M && hasAt(bytes, at, STAMP_HEAD)) return at + STAMP_HEAD.length
  }
  return 0
}

function hasAt(bytes: Uint8Array, from: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[from + at] !== text.charCodeAt(at)) return false
  return true
}

function restamp(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const buffer = asBuffer(bytes)
  const before = `"resourceVersion":"${from}"`
  const at = buffer.indexOf(before)
  // The first hit is metadata's own unless an owner reference or the like stands before it, which JSON.parse would tell.
  if (at < 0 || at > buffer.indexOf('"metadata":{') + METADATA_SPAN) return restampSlowly(bytes, to)
  return Buffer.concat([
    buffer.subarray(0, at),
    Buffer.from(`"resourceVersion":"${to}"`),
    buffer.subarray(at + before.length),
  ])
}

/** `stamp` puts resourceVersion at the head of metadata; farther behind it may be somebody else's. */
const METADATA_SPAN = 64

function restampSlowly(bytes: Uint8Array, to: number): Uint8Array {
  const object = parse(bytes)
  return stampedBytes(object, to)
}

/**
 * The stored form: JSON with the revision inside, at the head of metadata. The object's key order is otherwise kept.
 * `metadata` of the object passed is not changed.
 */
export function stampedBytes(object: KubeObject, revision: number): Uint8Array {
  const { kind, apiVersion, metadata } = object
  const { managedFields } = metadata
  const type = encodeJson({ kind, apiVersion })
  // What is undefined is not written: leaving members out of a copy takes several times as long as setting them so.
  const head = encodeJson({ ...metadata, resourceVersion: undefined, managedFields: undefined })
  const owners = managedFields === undefined ? '' : `,"managedFields":${ownersText(managedFields)}`
  const rest = encodeJson({ ...object, kind: undefined, apiVersion: undefined, metadata: undefined })
  return Buffer.from(
    `${before(type)}"metadata":{"resourceVersion":"${revision}"${behind(head)}${owners}}${behind(rest)}}`,
  )
}

/** The members of an object's JSON, as they stand before others, and behind others. */
const before = (json: string): string => (json === '{}' ? '{' : `${json.slice(0, -1)},`)
const behind = (json: string): string => (json === '{}' ? '' : `,${json.slice(1, -1)}`)

/** The JSON of owners, the fields of some of whom may have been written before. */
function ownersText(entries: readonly ManagedFieldsEntry[]): string {
  if (!entries.some(({ fieldsV1 }) => fieldsV1 !== undefined && knownText(fieldsV1) !== undefined))
    return encodeJson(entries)
  return `[${entries.map(ownerText).join(',')}]`
}

/** The members in the order in which `writeManagers` has them, whether or not the text of the fields is known. */
function ownerText(entry: ManagedFieldsEntry): string {
  const text = entry.fieldsV1 === undefined ? undefined : knownText(entry.fieldsV1)
  if (text === undefined) return encodeJson(entry)
  const { fieldsV1: _, subresource, ...head } = entry
  const tail = subresource === undefined ? '' : `,"subresource":${JSON.stringify(subresource)}`
  return `${encodeJson(head).slice(0, -1)},"fieldsV1":${text}${tail}}`
}
