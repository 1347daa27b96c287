/**
 * The OpenAPI v2 document in pieces: one for everything built in, one for each group of custom kinds. With a thousand
 * definitions it has 40 MB, and a change of one of them must not hold up everybody until all of it is written anew.
 */
import { createHash } from 'node:crypto'
import { type OpenApiKind, type OpenApiOptions, openApiV2, openApiV2Protobuf } from '@canopus/api'

export type SwaggerForm = 'json' | 'protobuf'

export interface PiecedDocument {
  readonly body: readonly Uint8Array[]
  readonly etag: string
}

type Section = Readonly<Record<string, unknown>>

interface Swagger extends Record<string, unknown> {
  readonly paths: Section
  readonly definitions: Section
}

/** What has been written, with a name for its content. */
interface Written {
  readonly pieces: readonly Uint8Array[]
  readonly hash: string
}

interface Group {
  /** What it was written from: the same objects as long as nothing changes. */
  readonly sources: readonly unknown[]
  readonly forms: Map<SwaggerForm, Written>
}

/** Groups that are written in one go. */
const AT_ONCE = 5

export class SwaggerPieces {
  readonly #options: () => OpenApiOptions
  readonly #nextTurn: () => Promise<void>
  #groups = new Map<string, Group>()

  /** `nextTurn` lets others have their turn. */
  constructor(options: () => OpenApiOptions, nextTurn: () => Promise<void>) {
    this.#options = options
    this.#nextTurn = nextTurn
  }

  /** The document of these kinds; writes what has changed since the last time. */
  async document(form: SwaggerForm, kinds: readonly OpenApiKind[]): Promise<PiecedDocument> {
    const groups = Map.groupBy(kinds, ({ type, definition }) => (definition === undefined ? '' : type.group))
    for (const name of this.#groups.keys()) if (!groups.has(name)) this.#groups.delete(name)
    const builtIn = await this.written('', groups.get('') ?? [], form)
    groups.delete('')
    const custom: Written[] = []
    let fresh = 0
    for (const [name, own] of groups) {
      const { forms } = this.group(name, own)
      if (!forms.has(form) && ++fresh % AT_ONCE === 0) await this.#nextTurn()
      custom.push(await this.written(name, own, form))
    }
    const digest = createHash('sha512').update(builtIn.hash)
    for (const { hash } of custom) digest.update(hash)
    const etag = `"${digest.digest('hex').toUpperCase()}"`
    const body = form === 'json' ? joinedJson(builtIn, custom) : [builtIn, ...custom].flatMap(({ pieces }) => pieces)
    return { body, etag }
  }

  private group(name: string, kinds: readonly OpenApiKind[]): Group {
    const sources = kinds.map(({ type, definition }) => definition ?? type)
    let group = this.#groups.get(name)
    if (group === undefined || !sameItems(group.sources, sources)) {
      group = { sources, forms: new Map() }
      this.#groups.set(name, group)
    }
    return group
  }

  private async written(name: string, kinds: readonly OpenApiKind[], form: SwaggerForm): Promise<Written> {
    const { forms } = this.group(name, kinds)
    let written = forms.get(form)
    if (written === undefined) {
      const pieces =
        name === '' ? builtInPieces(form, kinds, this.#options()) : customPieces(form, kinds, this.#options())
      const digest = createHash('sha512')
      for (const piece of pieces) digest.update(piece)
      written = { pieces, hash: digest.digest('hex') }
      forms.set(form, written)
    }
    return written
  }
}

/** JSON: head with its paths, definitions, and the end; protobuf in one. */
function builtInPieces(form: SwaggerForm, kinds: readonly OpenApiKind[], options: OpenApiOptions): Uint8Array[] {
  const document = openApiV2(kinds, options) as Swagger
  if (form === 'protobuf') return [openApiV2Protobuf(document)]
  const { swagger, info, paths, definitions, ...rest } = document
  return [
    Buffer.from(`${JSON.stringify({ swagger, info }).slice(0, -1)},"paths":{${members(paths)}`),
    Buffer.from(`},"definitions":{${members(definitions)}`),
    Buffer.from(`},${JSON.stringify(rest).slice(1)}`),
  ]
}

/** JSON: paths and definitions; protobuf in one, since parts of a message that follow each other add up. */
function customPieces(form: SwaggerForm, kinds: readonly OpenApiKind[], options: OpenApiOptions): Uint8Array[] {
  const all = openApiV2(kinds, options) as Swagger
  const names = new Set(kinds.flatMap(({ definition }) => [definition!.name, `${definition!.name}List`]))
  const below = `/apis/${kinds[0]!.type.group}/`
  const paths = picked(all.paths, path => path.startsWith(below))
  const definitions = picked(all.definitions, name => names.has(name))
  if (form === 'protobuf') return [openApiV2Protobuf({ paths, definitions })]
  return [Buffer.from(members(paths)), Buffer.from(members(definitions))]
}

const COMMA = Buffer.from(',')

function joinedJson({ pieces: [paths, definitions, end] }: Written, custom: readonly Written[]): Uint8Array[] {
  return [
    paths!,
    ...custom.flatMap(({ pieces }) => [COMMA, pieces[0]!]),
    definitions!,
    ...custom.flatMap(({ pieces }) => [COMMA, pieces[1]!]),
    end!,
  ]
}

const picked = (section: Section, isWanted: (name: string) => boolean): Section =>
  Object.fromEntries(Object.entries(section).filter(([name]) => isWanted(name)))

/** JSON of an object without its braces. */
const members = (object: Section): string => JSON.stringify(object).slice(1, -1)

const sameItems = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((each, at) => each === b[at])
