/**
 * The OpenAPI v2 document in pieces: one for everything built in, one for each group of custom kinds. With a thousand
 * definitions it has 40 MB, and a change of one of them must not hold up everybody until all of it is written anew.
 */
import { createHash } from 'node:crypto'
import {
  definitionName,
  type OpenApiKind,
  type OpenApiOptions,
  openApiV2,
  openApiV2Protobuf,
  schemas,
} from '@canopus/api'

import { type Swagger as MergedSwagger, mergeSwagger } from '../aggregation/swagger.ts'

export type SwaggerForm = 'json' | 'protobuf'

export interface PiecedDocument {
  readonly body: readonly Uint8Array[]
  readonly etag: string
}

type Section = Readonly<Record<string, unknown>>

interface Swagger extends Record<string, unknown> {
  readonly paths: Section
  readonly definitions: Section
  readonly parameters: Section
}

/** What has been written, with a name for its content. */
interface Written {
  readonly pieces: readonly Uint8Array[]
  /** What its requests refer to. Other groups may refer to the same, under the same names. */
  readonly parameters: Section
  readonly hash: string
}

interface Group {
  /** What it was written from: the same objects as long as nothing changes. */
  readonly sources: readonly unknown[]
  readonly forms: Map<SwaggerForm, Written>
}

/** Kinds that are written in one go. */
const AT_ONCE = 10

export class SwaggerPieces {
  readonly #options: () => OpenApiOptions
  readonly #nextTurn: () => Promise<void>
  #groups = new Map<string, Group>()

  /** `nextTurn` lets others have their turn. */
  constructor(options: () => OpenApiOptions, nextTurn: () => Promise<void>) {
    this.#options = options
    this.#nextTurn = nextTurn
  }

  /**
   * The document of these kinds; writes what has changed since the last time. `others` are documents of extension servers, which
   * are merged with the built-in kinds: groups of custom kinds are not theirs.
   */
  async document(
    form: SwaggerForm,
    kinds: readonly OpenApiKind[],
    others: readonly MergedSwagger[] = [],
  ): Promise<PiecedDocument> {
    const groups = Map.groupBy(kinds, ({ type, definition }) => (definition === undefined ? '' : type.group))
    for (const name of this.#groups.keys()) if (!groups.has(name)) this.#groups.delete(name)
    const builtIn = await this.written('', groups.get('') ?? [], form, others)
    groups.delete('')
    const custom: Written[] = []
    for (const [name, own] of groups) custom.push(await this.written(name, own, form))
    const digest = createHash('sha512').update(builtIn.hash)
    for (const { hash } of custom) digest.update(hash)
    const etag = `"${digest.digest('hex').toUpperCase()}"`
    const parameters = sorted([builtIn, ...custom].flatMap(written => Object.entries(written.parameters)))
    const body =
      form === 'json' ? joinedJson(builtIn, custom, parameters) : joinedProtobuf([builtIn, ...custom], parameters)
    return { body, etag }
  }

  private group(name: string, kinds: readonly OpenApiKind[], others: readonly MergedSwagger[]): Group {
    const sources = [...kinds.map(({ type, definition }) => definition ?? type), ...others]
    let group = this.#groups.get(name)
    if (group === undefined || !sameItems(group.sources, sources)) {
      group = { sources, forms: new Map() }
      this.#groups.set(name, group)
    }
    return group
  }

  private async written(
    name: string,
    kinds: readonly OpenApiKind[],
    form: SwaggerForm,
    others: readonly MergedSwagger[] = [],
  ): Promise<Written> {
    const { forms } = this.group(name, kinds, others)
    const known = forms.get(form)
    if (known !== undefined) return known
    if (others.length > 0) {
      const { parameters = {}, ...document } = mergeSwagger(openApiV2(kinds, this.#options()), others)
      const merged = writtenOf(wholePieces(form, document), parameters)
      forms.set(form, merged)
      return merged
    }
    const writer = new GroupWriter(form, kinds, this.#options(), name === '')
    for (let more = true; more; await this.#nextTurn()) more = writer.next()
    const written = writer.finish()
    forms.set(form, written)
    return written
  }
}

function writtenOf(pieces: readonly Uint8Array[], parameters: Section): Written {
  const digest = createHash('sha512')
  for (const piece of pieces) digest.update(piece)
  digest.update(JSON.stringify(parameters))
  return { pieces, parameters, hash: digest.digest('hex') }
}

/** A document in one go. JSON: head with its paths, definitions, and the end; protobuf in one. */
function wholePieces(form: SwaggerForm, document: MergedSwagger): Uint8Array[] {
  if (form === 'protobuf') return [openApiV2Protobuf(document)]
  const { swagger, info, paths, definitions, ...rest } = document
  return [
    Buffer.from(`${JSON.stringify({ swagger, info }).slice(0, -1)},"paths":{${members(paths ?? {})}`),
    Buffer.from(`},"definitions":{${members(definitions ?? {})}`),
    Buffer.from(`},${JSON.stringify(rest).slice(1)}`),
  ]
}

/** Writes a group, some kinds at a time. */
class GroupWriter {
  readonly #form: SwaggerForm
  readonly #kinds: readonly OpenApiKind[]
  readonly #options: OpenApiOptions
  readonly #builtIn: boolean
  /** What several kinds need is written with the first of them. */
  readonly #done = new Set<string>()
  readonly #paths: Uint8Array[] = []
  readonly #definitions: Uint8Array[] = []
  readonly #parameters: Record<string, unknown> = {}
  #at = 0

  constructor(form: SwaggerForm, kinds: readonly OpenApiKind[], options: OpenApiOptions, builtIn: boolean) {
    this.#form = form
    this.#kinds = builtIn ? kinds : kinds.map(namedApart)
    this.#options = options
    this.#builtIn = builtIn
  }

  /** Writes the next kinds; whether there are more. */
  next(): boolean {
    const kinds = this.#kinds.slice(this.#at, this.#at + AT_ONCE)
    this.#at += AT_ONCE
    const all = openApiV2(kinds, this.#options, this.#builtIn ? this.#kinds : kinds) as Swagger
    const isWanted = this.#builtIn ? undefined : namesOf(kinds)
    const paths = this.#fresh(all.paths, path => isWanted?.path(path) ?? true)
    const definitions = this.#fresh(all.definitions, name => isWanted?.definition(name) ?? true)
    Object.assign(this.#parameters, all.parameters)
    if (this.#form === 'protobuf') this.#paths.push(openApiV2Protobuf({ paths, definitions }))
    else {
      this.#paths.push(Buffer.from(members(paths)))
      this.#definitions.push(Buffer.from(members(definitions)))
    }
    return this.#at < this.#kinds.length
  }

  #fresh(section: Section, isWanted: (name: string) => boolean): Section {
    const fresh = Object.entries(section).filter(([name]) => isWanted(name) && !this.#done.has(name))
    for (const [name] of fresh) this.#done.add(name)
    return Object.fromEntries(fresh)
  }

  finish(): Written {
    return writtenOf(this.#builtIn ? this.#aroundAll() : this.#parts(), this.#parameters)
  }

  /** JSON: paths and definitions; protobuf in one, since parts of a message that follow each other add up. */
  #parts(): Uint8Array[] {
    if (this.#form === 'protobuf') return [Buffer.concat(this.#paths)]
    return [joined(this.#paths), joined(this.#definitions)]
  }

  /** JSON: head with its paths, definitions, and the end; protobuf in one. */
  #aroundAll(): Uint8Array[] {
    const head = openApiV2([], this.#options) as Swagger
    const { swagger, info, paths: _paths, definitions: _definitions, parameters: _parameters, ...rest } = head
    if (this.#form === 'protobuf') {
      return [Buffer.concat([openApiV2Protobuf({ swagger, info, ...rest }), ...this.#paths])]
    }
    const [paths, definitions] = this.#parts()
    return [
      Buffer.concat([Buffer.from(`${JSON.stringify({ swagger, info }).slice(0, -1)},"paths":{`), paths!]),
      Buffer.concat([Buffer.from('},"definitions":{'), definitions!]),
      Buffer.from(`},${JSON.stringify(rest).slice(1)}`),
    ]
  }
}

const BUILT_IN = new Set(schemas.names().map(definitionName))

/** Whatever a definition of custom resources is called: built-in kinds keep their names (kube-openapi, MergeSpecs). */
function namedApart(kind: OpenApiKind): OpenApiKind {
  const { definition } = kind
  if (definition === undefined || !BUILT_IN.has(definition.name)) return kind
  return { ...kind, definition: { ...definition, name: `${definition.name}_v2` } }
}

/** Which names in the document are those of custom kinds of one group. */
function namesOf(kinds: readonly OpenApiKind[]): Record<'path' | 'definition', (name: string) => boolean> {
  const names = new Set(kinds.flatMap(({ definition }) => [definition!.name, `${definition!.name}List`]))
  const below = `/apis/${kinds[0]!.type.group}/`
  return { path: name => name.startsWith(below), definition: name => names.has(name) }
}

const COMMA = Buffer.from(',')

function joinedJson(
  { pieces: [paths, definitions, end] }: Written,
  custom: readonly Written[],
  parameters: Section,
): Uint8Array[] {
  return [
    paths!,
    ...custom.flatMap(({ pieces }) => [COMMA, pieces[0]!]),
    definitions!,
    ...custom.flatMap(({ pieces }) => [COMMA, pieces[1]!]),
    Buffer.from(`},"parameters":${JSON.stringify(parameters).slice(0, -1)}`),
    end!,
  ]
}

/** Parts of a message that follow each other add up. */
const joinedProtobuf = (written: readonly Written[], parameters: Section): Uint8Array[] => [
  ...written.flatMap(({ pieces }) => pieces),
  openApiV2Protobuf({ parameters }),
]

/** With commas between those that are not empty. */
const joined = (parts: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(parts.filter(part => part.length > 0).flatMap((part, index) => (index === 0 ? [part] : [COMMA, part])))

const sorted = (entries: readonly (readonly [string, unknown])[]): Section =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))

/** JSON of an object without its braces. */
const members = (object: Section): string => JSON.stringify(object).slice(1, -1)

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((each, at) => each === b[at])
