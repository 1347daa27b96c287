/**
 * One kind in one form: single objects, lists and watch events. JSON of the stored version is the stored bytes themselves;
 * every other form is made once per object version and kept with it.
 */

import type { Kind } from '@canopus/api'
import {
  afterRoundTrip,
  apiVersionOf,
  encodeJson,
  encodeProtobufList,
  encodeWatchFrame,
  type KubeObject,
  type ListMeta,
  parseJson,
  wrapMessage,
} from '@canopus/apimachinery'
import type { Piece } from '@canopus/client'
import type { EventEncoder, EventType } from '../cache/change.ts'
import { Frame } from '../cache/frame.ts'
import { asBuffer, type ObjectVersion } from '../cache/object-version.ts'
import { contentTypeOf, type Form } from './negotiate.ts'
import { writeYaml } from './yaml-writer.ts'

/** Encodes messages of the facts table, without envelope. */
export type EncodeMessage = (message: string, object: unknown) => Uint8Array

export interface ObjectEncoder extends EventEncoder {
  /** What `one` says, without the text; undefined where only that tells. Shared: never change it. */
  value?(version: ObjectVersion): unknown
  readonly contentType: string
  readonly watchContentType: string
  one(version: ObjectVersion): Uint8Array
  /** An answer that is this object alone. */
  answer(version: ObjectVersion): Uint8Array | readonly Uint8Array[]
  list(versions: readonly ObjectVersion[], metadata: ListMeta): Uint8Array | readonly Uint8Array[]
}

const COMMA = Buffer.from(',')
const OPEN = Buffer.from('{')
const COMMA_OPEN = Buffer.from(',{')
const LIST_END = Buffer.from(']}\n')
/** Ends JSON that is not indented. */
export const NEWLINE: Uint8Array = Buffer.from('\n')

export class JsonEncoder implements ObjectEncoder {
  readonly id: string
  readonly contentType: string = 'application/json'
  readonly watchContentType: string = 'application/json'
  readonly kind: Kind
  readonly apiVersion: string
  /**
   * What of an object is left out in lists: the items of built-in kinds do not say what they are, as Go's typed lists have them;
   * custom objects do.
   */
  readonly #typeHead: Buffer | undefined

  constructor(kind: Kind, id = 'json') {
    this.kind = kind
    this.apiVersion = apiVersionOf(kind.type)
    if (kind.custom === undefined) {
      this.#typeHead = Buffer.from(`{"kind":"${kind.type.kind}","apiVersion":"${this.apiVersion}",`)
    }
    this.id = `${id} ${kind.custom?.id ?? ''}${this.apiVersion}`
  }

  one(version: ObjectVersion): Uint8Array {
    if (this.kind.storedAs === undefined) return version.bytes
    return version.encoding(this.id, each => {
      const object = this.object(each)
      return object === each.object ? each.bytes : Buffer.from(encodeJson(object))
    })
  }

  answer(version: ObjectVersion): readonly Uint8Array[] {
    return [this.one(version), NEWLINE]
  }

  list(versions: readonly ObjectVersion[], metadata: ListMeta): readonly Uint8Array[] {
    const { kind, apiVersion } = this.listType()
    const said = this.listMeta(metadata)
    const pieces: Uint8Array[] = [
      Buffer.from(`{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(said)},"items":[`),
    ]
    versions.forEach((version, index) => {
      const bytes = this.one(version)
      if (this.saysTypeFirst(bytes)) pieces.push(index > 0 ? COMMA_OPEN : OPEN, bytes.subarray(this.#typeHead!.length))
      else if (index > 0) pieces.push(COMMA, bytes)
      else pieces.push(bytes)
    })
    pieces.push(LIST_END)
    return pieces
  }

  /** Upstream's lists of custom objects know whether they go on. */
  protected listMeta(metadata: ListMeta): ListMeta {
    return this.kind.custom === undefined ? metadata : { continue: '', ...metadata }
  }

  /** Whether what the object is stands at its beginning, and is to be left out. What was made of it says something else there. */
  private saysTypeFirst(bytes: Uint8Array): boolean {
    const head = this.#typeHead
    return head !== undefined && asBuffer(bytes).compare(head, 0, head.length, 0, head.length) === 0
  }

  /** What it says is asked for once for all who read it, since what other versions are made into is new each time. */
  encodeEvent(type: EventType, version: ObjectVersion): Piece {
    const parts = this.eventParts(type, version)
    const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
    let events: { type: string; object: unknown }[] | undefined
    const make = (): typeof events => {
      const object = this.value(version)
      if (object !== undefined) events = [{ type, object }]
      return events
    }
    // When many are written at once, it is forgotten before the first reader asks.
    if (version.isSourceKnown && this.kind.storedAs === undefined) make()
    return new Frame(
      length,
      () => Buffer.concat(parts, length),
      () => events ?? make(),
    )
  }

  eventParts(type: EventType, version: ObjectVersion): readonly Uint8Array[] {
    return [EVENT_HEADS[type], this.one(version), EVENT_END]
  }

  value(version: ObjectVersion): unknown {
    const { plain } = version
    if (plain === undefined || this.kind.storedAs === undefined) return plain
    return afterRoundTrip(this.object(version))
  }

  startOfStream?(bytes: Uint8Array): Uint8Array

  encodeBookmark(revision: number, initialEventsEnd: boolean): Uint8Array {
    return jsonEvent('BOOKMARK', Buffer.from(JSON.stringify(this.bookmark(revision, initialEventsEnd))))
  }

  encodeError(status: unknown): Uint8Array {
    return jsonEvent('ERROR', Buffer.from(JSON.stringify(status)))
  }

  /** The object in the version that this endpoint speaks. */
  protected object(version: ObjectVersion): KubeObject {
    const { storedAs } = this.kind
    return storedAs === undefined ? version.object : storedAs.fromStored(version.object)
  }

  listType(): { kind: string; apiVersion: string } {
    return { kind: this.kind.type.listKind, apiVersion: this.apiVersion }
  }

  /** What single objects say of themselves. */
  objectType(): { kind: string; apiVersion: string } {
    return { kind: this.kind.type.kind, apiVersion: this.apiVersion }
  }

  protected bookmark(revision: number, initialEventsEnd: boolean): unknown {
    return {
      kind: this.kind.type.kind,
      apiVersion: this.apiVersion,
      metadata: bookmarkMeta(revision, initialEventsEnd),
    }
  }
}

export function bookmarkMeta(revision: number, initialEventsEnd: boolean): Record<string, unknown> {
  return {
    resourceVersion: String(revision),
    ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  }
}

const eventHead = (type: string): Buffer => Buffer.from(`{"type":"${type}","object":`)
const EVENT_HEADS = {
  ADDED: eventHead('ADDED'),
  MODIFIED: eventHead('MODIFIED'),
  DELETED: eventHead('DELETED'),
  BOOKMARK: eventHead('BOOKMARK'),
  ERROR: eventHead('ERROR'),
}
const EVENT_END = Buffer.from('}\n')

function jsonEvent(type: keyof typeof EVENT_HEADS, object: Uint8Array): Uint8Array {
  return Buffer.concat([EVENT_HEADS[type], object, EVENT_END])
}

/** Metadata alone, for garbage collectors and metadata informers. */
export class PartialEncoder extends JsonEncoder {
  readonly #meta: string

  /** `meta` is the version of the metadata's own group. */
  constructor(kind: Kind, meta: string) {
    super(kind, `partial ${meta}`)
    this.#meta = meta
  }

  override one(version: ObjectVersion): Uint8Array {
    return version.encoding(`partial ${this.#meta}`, each =>
      Buffer.from(JSON.stringify(partialObject(this.kind, each.object, this.#meta))),
    )
  }

  /** Nothing is null, as upstream makes a new list of what there is. */
  override list(versions: readonly ObjectVersion[], metadata: ListMeta): readonly Uint8Array[] {
    if (versions.length > 0) return super.list(versions, metadata)
    return [Buffer.from(JSON.stringify({ ...this.listType(), metadata, items: null })), NEWLINE]
  }

  protected override listMeta(metadata: ListMeta): ListMeta {
    return metadata
  }

  override value({ plain }: ObjectVersion): unknown {
    return plain && partialObject(this.kind, plain, this.#meta)
  }

  override listType(): { kind: string; apiVersion: string } {
    return { kind: 'PartialObjectMetadataList', apiVersion: this.#meta }
  }

  override objectType(): { kind: string; apiVersion: string } {
    return { kind: 'PartialObjectMetadata', apiVersion: this.#meta }
  }

  protected override bookmark(revision: number, initialEventsEnd: boolean): unknown {
    return {
      kind: 'PartialObjectMetadata',
      apiVersion: this.#meta,
      metadata: bookmarkMeta(revision, initialEventsEnd),
    }
  }
}

/** The object's metadata as an object of its own; `apiVersion` is that of this form. */
export function partialObject(
  { fieldAnnotations }: Pick<Kind, 'fieldAnnotations'>,
  { metadata }: KubeObject,
  apiVersion: string,
): KubeObject {
  const shown = fieldAnnotations === undefined ? metadata : withoutAnnotations(metadata, fieldAnnotations)
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: shown }
}

function withoutAnnotations(metadata: KubeObject['metadata'], names: readonly string[]): KubeObject['metadata'] {
  const { annotations = {}, ...rest } = metadata
  const left = Object.entries(annotations).filter(([name]) => !names.includes(name))
  return left.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(left) }
}

/** Protobuf: `inner` says what the objects are, this only changes the wire form. */
export class ProtobufEncoder implements ObjectEncoder {
  readonly id: string
  readonly contentType = 'application/vnd.kubernetes.protobuf'
  readonly watchContentType = 'application/vnd.kubernetes.protobuf;stream=watch'
  readonly #inner: JsonEncoder
  readonly #message: string
  readonly #encode: EncodeMessage

  constructor(inner: JsonEncoder, message: string, encode: EncodeMessage) {
    this.id = `protobuf ${inner.id}`
    this.#inner = inner
    this.#message = message
    this.#encode = encode
  }

  one(version: ObjectVersion): Uint8Array {
    return wrapMessage(this.#inner.objectType(), this.raw(version))
  }

  answer(version: ObjectVersion): Uint8Array {
    return this.one(version)
  }

  list(versions: readonly ObjectVersion[], metadata: ListMeta): Uint8Array {
    return encodeProtobufList(
      this.#inner.listType(),
      this.#encode('am.apis.meta.v1.ListMeta', metadata),
      versions.map(version => this.raw(version)),
    )
  }

  encodeEvent(type: EventType, version: ObjectVersion): Uint8Array {
    return encodeWatchFrame(type, this.one(version))
  }

  encodeBookmark(revision: number, initialEventsEnd: boolean): Uint8Array {
    const line = parse(this.#inner.encodeBookmark(revision, initialEventsEnd)) as unknown as { object: KubeObject }
    return encodeWatchFrame('BOOKMARK', this.wrap(line.object, this.#encode(this.#message, line.object)))
  }

  encodeError(status: unknown): Uint8Array {
    return encodeWatchFrame(
      'ERROR',
      wrapMessage({ apiVersion: 'v1', kind: 'Status' }, this.#encode('am.apis.meta.v1.Status', status)),
    )
  }

  private raw(version: ObjectVersion): Uint8Array {
    return version.encoding(`${this.id} raw`, each => this.#encode(this.#message, parse(this.#inner.one(each))))
  }

  private wrap(object: KubeObject, raw: Uint8Array): Uint8Array {
    return wrapMessage({ apiVersion: object.apiVersion ?? '', kind: object.kind ?? '' }, raw)
  }
}

/** JSON made into YAML, or into JSON for people to read. Watches stay one line of JSON per event. */
export class TextEncoder implements ObjectEncoder {
  readonly id: string
  readonly contentType: string
  readonly watchContentType: string
  readonly #inner: JsonEncoder
  readonly #yaml: boolean

  constructor(inner: JsonEncoder, form: Form) {
    this.#inner = inner
    this.#yaml = form.media === 'yaml'
    this.id = `${form.id} ${inner.id}`
    this.contentType = contentTypeOf(form)
    this.watchContentType = this.contentType
  }

  one(version: ObjectVersion): Uint8Array {
    return this.print(this.#inner.one(version))
  }

  answer(version: ObjectVersion): Uint8Array {
    return this.one(version)
  }

  list(versions: readonly ObjectVersion[], metadata: ListMeta): Uint8Array {
    return this.print(Buffer.concat(this.#inner.list(versions, metadata)))
  }

  encodeEvent(type: EventType, version: ObjectVersion): Piece {
    return this.#inner.encodeEvent(type, version)
  }

  startOfStream(bytes: Uint8Array): Uint8Array {
    return this.#inner.startOfStream?.(bytes) ?? bytes
  }

  encodeBookmark(revision: number, initialEventsEnd: boolean): Uint8Array {
    return this.#inner.encodeBookmark(revision, initialEventsEnd)
  }

  encodeError(status: unknown): Uint8Array {
    return this.#inner.encodeError(status)
  }

  private print(bytes: Uint8Array): Uint8Array {
    return this.#yaml ? toYaml(bytes) : indented(bytes)
  }
}

function parse(bytes: Uint8Array): KubeObject {
  return parseJson(asBuffer(bytes).toString()) as KubeObject
}

export function toYaml(json: Uint8Array): Uint8Array {
  return Buffer.from(writeYaml(parseJson(asBuffer(json).toString())))
}

/** Upstream ends its lines of JSON with a newline, but not what is indented (apimachinery, runtime/serializer/json, doEncode). */
export function indented(json: Uint8Array): Uint8Array {
  return Buffer.from(encodeJson(parseJson(asBuffer(json).toString()), 2))
}
