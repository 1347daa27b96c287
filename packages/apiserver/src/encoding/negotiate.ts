/** In which form an answer goes out (k8s.io/apiserver/pkg/endpoints/handlers/negotiation). */
import { parseGoBool, StatusError } from '@canopus/apimachinery'
import { type Headers, header } from '../http/message.ts'
import { covers, type MediaType, parseMediaTypes } from './media-type.ts'

export type Media = 'json' | 'yaml' | 'protobuf'
export type Transform = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'

export interface Form {
  /** Names the form; equal ids mean equal forms. */
  readonly id: string
  readonly media: Media
  readonly pretty: boolean
  readonly as?: Transform
  /** Of the transform's group; only where it is not the newest. */
  readonly metaVersion?: 'v1beta1'
}

export const MEDIA_TYPES: readonly (readonly [Media, string])[] = [
  ['json', 'application/json'],
  ['yaml', 'application/yaml'],
  ['protobuf', 'application/vnd.kubernetes.protobuf'],
]

/** By their names alone, and as answers that go on. */
export const TYPES = MEDIA_TYPES.map(([, type]) => type)
const STREAM_TYPES = MEDIA_TYPES.filter(([media]) => media !== 'yaml').map(([, type]) => `${type};stream=watch`)

export const JSON_FORM: Form = { id: 'json', media: 'json', pretty: false }
const known = new Map<string, Form>()

/**
 * Picks the form for an `Accept` header. `transforms` are those that the endpoint can do. Throws StatusError 406 where
 * nothing fits. Custom objects have no protobuf form of their own (`hasProtobuf`); watches have none in YAML (`streams`).
 */
export function negotiate(
  headers: Headers,
  transforms: readonly Transform[],
  prettyParameter?: string | null,
  hasProtobuf = true,
  streams = false,
): Form {
  const accept = header(headers, 'accept')
  const pretty = wantsPretty(headers, prettyParameter)
  if ((accept === undefined || accept === '' || accept === 'application/json') && !pretty) return JSON_FORM
  const key = `${transforms.length > 0 ? transforms.join() : ''}|${pretty}|${hasProtobuf}|${streams}|${accept}`
  let form = known.get(key)
  if (form === undefined) {
    form = choose(accept || '*/*', transforms, pretty, hasProtobuf, streams)
    if (known.size > 1000) known.clear()
    known.set(key, form)
  }
  return form
}

function choose(
  accept: string,
  transforms: readonly Transform[],
  pretty: boolean,
  hasProtobuf: boolean,
  streams: boolean,
): Form {
  let asText = false
  for (const clause of parseMediaTypes(accept)) {
    const found = MEDIA_TYPES.find(([, type]) => covers(clause, type))
    if (found === undefined || !streamsAs(clause, found[0])) continue
    const as = transformOf(clause, transforms)
    const old = as !== undefined && clause.parameters.v === 'v1beta1'
    if (as === null || (as === undefined && found[0] === 'protobuf' && !hasProtobuf)) continue
    const media = found[0]
    asText = streams && media === 'yaml'
    if (asText) break
    const indent =
      (pretty || clause.parameters.pretty === '1' || clause.parameters.pretty === 'true') && media === 'json'
    return {
      id: `${media}${indent ? '+pretty' : ''}${as === undefined ? '' : `;${as}`}${old ? ' v1beta1' : ''}`,
      media,
      pretty: indent,
      ...(as === undefined ? {} : { as }),
      ...(old ? { metaVersion: 'v1beta1' } : {}),
    }
  }
  throw notAcceptableError(asText)
}

/** Whether what a clause says of the stream can be done: there is one kind, and not in YAML. */
const streamsAs = ({ parameters: { stream } }: MediaType, media: Media): boolean =>
  stream === undefined || (stream === 'watch' && media !== 'yaml')

/** The transform that a clause asks for, in `v1` or `v1beta1`; `undefined` for none, null where it cannot be done. */
function transformOf(clause: MediaType, transforms: readonly Transform[]): Transform | undefined | null {
  const { as, g, v } = clause.parameters
  if (as === undefined && g === undefined && v === undefined) return undefined
  const transform = transforms.find(each => each === as)
  return transform !== undefined && g === 'meta.k8s.io' && (v === 'v1' || v === 'v1beta1') ? transform : null
}

/** People at a terminal or a browser get indented JSON, programs do not. */
function wantsPretty(headers: Headers, parameter: string | null | undefined): boolean {
  if (parameter) return parseGoBool(parameter) === true
  const agent = header(headers, 'user-agent')
  return (
    agent !== undefined && (agent.startsWith('curl') || agent.startsWith('Wget') || agent.startsWith('Mozilla/5.0'))
  )
}

export function notAcceptableError(streams = false): StatusError {
  return mediaTypesError(streams ? STREAM_TYPES : TYPES)
}

/**
 * Whether a route of a built-in kind answers at all, before anybody looks into the clauses: go-restful knows media types by their
 * name, and no ranges but one. Throws StatusError 406.
 */
export function checkRoute(headers: Headers, collection: boolean): void {
  checkProduces(headers, TYPES, collection ? STREAM_TYPES : [])
}

/** The same for a route that produces these, and tells of `more`. */
export function checkProduces(headers: Headers, types: readonly string[], more: readonly string[] = []): void {
  const accept = header(headers, 'accept')
  if (accept === undefined || accept === '' || accept === types[0]) return
  const clauses = accept.split(',').map(each => each.split(';', 1)[0]!.trim())
  if (clauses.some(each => each === '*/*' || types.includes(each))) return
  throw new StatusError({
    code: 406,
    reason: 'NotAcceptable',
    details: {},
    message: `406: Not Acceptable\n\nAvailable representations: ${[...types, ...more].join(', ')}`,
  })
}

export function mediaTypesError(types: readonly string[]): StatusError {
  return new StatusError({
    code: 406,
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${types.join(', ')}`,
  })
}

/** The same without a transform. */
export const plainForm = ({ media, pretty }: Form): Form => ({
  id: `${media}${pretty ? '+pretty' : ''}`,
  media,
  pretty,
})

export function contentTypeOf(form: Form): string {
  return MEDIA_TYPES.find(([media]) => media === form.media)![1]
}
