/** The encoder of every kind and form, each made once. */
import type { Kind } from '@canopus/api'
import type { Clock } from '@canopus/base'
import {
  type EncodeMessage,
  JsonEncoder,
  type ObjectEncoder,
  PartialEncoder,
  ProtobufEncoder,
  TextEncoder,
} from './encoder.ts'
import { MisfitEncoder } from './misfit.ts'
import { type Form, notAcceptableError, type Transform } from './negotiate.ts'
import { type Describe, type IncludeObject, includeObjectOf, TableEncoder } from './table.ts'

const forms = new WeakMap<ObjectEncoder, Form>()

/** The form that an encoder was made for. */
export const formOf = (encoder: ObjectEncoder): Form => forms.get(encoder)!

export class Encoders {
  readonly #encode: EncodeMessage
  readonly #clock: Clock
  readonly #describe: Describe
  readonly #made = new WeakMap<Kind, Map<string, ObjectEncoder>>()

  constructor(encode: EncodeMessage, clock: Clock, describe: Describe = () => '') {
    this.#describe = describe
    this.#encode = encode
    this.#clock = clock
  }

  for(kind: Kind, form: Form, includeObject: IncludeObject = 'Metadata'): ObjectEncoder {
    let made = this.#made.get(kind)
    if (made === undefined) {
      made = new Map()
      this.#made.set(kind, made)
    }
    const id = form.as === 'Table' ? `${form.id} ${includeObject}` : form.id
    let encoder = made.get(id)
    if (encoder === undefined) {
      encoder = this.make(kind, form, includeObject)
      made.set(id, encoder)
      forms.set(encoder, form)
    }
    return encoder
  }

  /** For a form that cannot be made of what answers. */
  misfit(kind: Kind, form: Form & { readonly as: Transform }): ObjectEncoder {
    const encoder = new MisfitEncoder(kind, form.as)
    forms.set(encoder, form)
    return encoder
  }

  private make(kind: Kind, form: Form, includeObject: IncludeObject): ObjectEncoder {
    const partial = form.as === 'PartialObjectMetadata' || form.as === 'PartialObjectMetadataList'
    // Tables have no protobuf form (cells are free JSON).
    if (form.as === 'Table' && form.media === 'protobuf') throw notAcceptableError()
    const meta = `meta.k8s.io/${form.metaVersion ?? 'v1'}`
    const json = partial
      ? new PartialEncoder(kind, meta)
      : form.as === 'Table'
        ? new TableEncoder(kind, includeObject, this.#clock, meta, this.#describe)
        : new JsonEncoder(kind)
    if (form.media === 'protobuf') {
      return new ProtobufEncoder(json, partial ? 'am.apis.meta.v1.PartialObjectMetadata' : kind.message, this.#encode)
    }
    return form.media === 'yaml' || form.pretty ? new TextEncoder(json, form) : json
  }
}

/** The encoder for a request's form and query. Throws StatusError 400 where the query says of rows what there is not. */
export function encoderOf(encoders: Encoders, kind: Kind, form: Form, query: URLSearchParams): ObjectEncoder {
  if (form.as !== 'Table') return encoders.for(kind, form)
  return encoders.for(kind, form, includeObjectOf(query))
}
