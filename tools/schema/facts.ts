/**
 * Builds the text of the facts table from `generated.proto` files and Go API types. The form of the text is described in
 * `packages/apimachinery/src/schema/facts.ts`, which reads it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { emptyGoPackage, type GoField, type GoPackage, type GoStruct, parseGoFile } from './parse-go.ts'
import { type ProtoField, parseProto } from './parse-proto.ts'

const SCALARS = new Set(['string', 'bytes', 'bool', 'int32', 'int64', 'uint32', 'uint64', 'double', 'float'])

/** One package of API types: where it lies and what its messages are called in the table (`core.v1`, `am.apis.meta.v1`). */
interface Source {
  table: string
  proto: ReturnType<typeof parseProto>
  go: GoPackage
  /** The name that Go itself prints before a type, for example `v1`. */
  goName: string
}

/** Versions that are served only where somebody turns them on. */
const ON_REQUEST: readonly string[] = ['storagemigration/v1beta1']

/** Packages below `k8s.io/api` whose versions are served by default in 1.36 (no beta is) or on request, and the shared ones. */
export function sourcePaths(root: string): { path: string; table: string }[] {
  const found: { path: string; table: string }[] = []
  for (const group of readdirSync(join(root, 'api'), { withFileTypes: true })) {
    if (!group.isDirectory() || group.name === 'testdata') continue
    for (const version of readdirSync(join(root, 'api', group.name)))
      if (/^v\d+$/.test(version) || ON_REQUEST.includes(`${group.name}/${version}`))
        found.push({ path: `api/${group.name}/${version}`, table: `${group.name}.${version}` })
  }
  for (const shared of ['api/resource', 'apis/meta/v1', 'runtime', 'util/intstr'])
    found.push({ path: `apimachinery/pkg/${shared}`, table: `am.${shared.replaceAll('/', '.')}` })
  found.push({ path: 'apiextensions-apiserver/pkg/apis/apiextensions/v1', table: 'apiextensions.v1' })
  return found.sort((a, b) => (a.table < b.table ? -1 : 1))
}

function readSource(root: string, path: string, table: string): Source {
  const folder = join(root, path)
  const go = emptyGoPackage()
  for (const file of readdirSync(folder).sort())
    if (file.endsWith('.go') && !/_test|generated|zz_|doc\.go|register|conversion|defaults/.test(file))
      parseGoFile(readFileSync(join(folder, file), 'utf8'), go)
  const proto = parseProto(readFileSync(join(folder, 'generated.proto'), 'utf8'))
  return { table, proto, go, goName: path.split('/').at(-1)! }
}

class FactsWriter {
  private readonly tableNames = new Map<string, string>()
  private readonly sources: readonly Source[]
  /** Enums that fields use: name in the table to values. */
  private readonly enums = new Map<string, readonly string[]>()

  constructor(sources: readonly Source[]) {
    this.sources = sources
    for (const source of sources)
      for (const message of source.proto.messages)
        this.tableNames.set(`${source.proto.package}.${message.name}`, `${source.table}.${message.name}`)
  }

  /** The blocks of all messages by their name in the table, and those of the enums they use. */
  write(): Map<string, string> {
    const blocks = new Map<string, string>()
    for (const source of this.sources)
      for (const message of source.proto.messages)
        blocks.set(`${source.table}.${message.name}`, this.message(source, message.name, message.fields))
    for (const [name, values] of this.enums)
      blocks.set(
        name,
        `=${name} ${[...new Set(values)]
          .sort()
          .map(value => value.replaceAll(' ', '%20') || '""')
          .join(' ')}\n`,
      )
    return blocks
  }

  private message(source: Source, name: string, fields: readonly ProtoField[]): string {
    const struct = source.go.structs.get(name)
    const notes = [...(isKind(struct) ? ['kind'] : []), ...(struct?.markers.get('structType')?.slice(0, 1) ?? [])]
    const head = [`${source.table}.${name}`, ...notes].join(' ')
    return `${[head, ...fields.map(field => this.field(source, struct, field))].join('\n')}\n`
  }

  private field(source: Source, struct: GoStruct | undefined, proto: ProtoField): string {
    const go = struct?.fields.find(each => Number(each.tags.get('protobuf')?.split(',')[1]) === proto.number)
    const json = go?.tags.get('json') ?? proto.name
    const inline = json.includes(',inline')
    const type = { single: '', repeated: '[', map: '{:' }[proto.label] + this.resolve(source, proto.type)
    const flags = go ? flagsOf(go, json, inline) : ''
    const name = inline ? proto.name : json.split(',')[0]!
    const extras = go ? this.extras(source, go, type) : []
    return ` ${[proto.number, name, type, flags || '-', extras.join(';')].join(' ')}`.replace(/( -)? *$/, '')
  }

  private resolve(source: Source, type: string): string {
    if (SCALARS.has(type)) return type
    const absolute = type.replace(/^\./, '')
    const name = this.tableNames.get(absolute) ?? this.tableNames.get(`${source.proto.package}.${absolute}`)
    if (name === undefined) throw new Error(`${source.table}: unknown type ${type}`)
    return name
  }

  private extras(source: Source, go: GoField, type: string): string[] {
    const extras: string[] = []
    const add = (key: string, value: string | undefined): void => {
      if (value !== undefined) extras.push(`${key}=${value}`)
    }
    add('l', go.markers.get('listType')?.[0])
    add('k', go.markers.get('listMapKey')?.join(','))
    add('s', go.tags.get('patchStrategy'))
    add('m', go.tags.get('patchMergeKey'))
    add('t', go.markers.get('mapType')?.[0] ?? go.markers.get('structType')?.[0])
    const preset = go.markers.get('default')?.[0]
    add('d', preset === undefined ? undefined : this.literal(source, preset))
    add('e', this.enumOf(source, go.type))
    const printed = printedType(source, go.type)
    if (printed !== derivedType(type) && !go.tags.get('json')?.includes(',inline')) add('g', printed)
    return extras
  }

  /** The name of the enum that values of a Go type belong to; those of other packages are core's. */
  private enumOf(source: Source, goType: string): string | undefined {
    const [, qualifier, bare] = /^(?:\*|\[\]|map\[\w+\])*(?:(\w+)\.)?(\w+)$/.exec(goType) ?? []
    const core = this.sources.find(({ table }) => table === 'core.v1')!
    const owner = qualifier === undefined ? source : core
    if (bare === undefined || !owner.go.enums.has(bare)) return undefined
    const name = `${owner.table}.${bare}`
    const borrowed = (owner.go.borrowedConstants.get(bare) ?? []).map(each => core.go.constants.get(each)!)
    this.enums.set(name, [...(owner.go.typedConstants.get(bare) ?? []), ...borrowed])
    return name
  }

  private literal(source: Source, text: string): string {
    const reference = /^ref\((\w+)\)$/.exec(text)?.[1]
    if (reference === undefined) return text
    const value = source.go.constants.get(reference)
    if (value === undefined) throw new Error(`${source.table}: unknown constant ${reference}`)
    return JSON.stringify(value)
  }
}

const isKind = (struct: GoStruct | undefined): boolean =>
  struct?.fields.some(field => field.embedded && field.name === 'TypeMeta') ?? false

/** p pointer, o omitempty (or omitzero), i inline, r required. `+optional` wins over a kubebuilder marker. */
function flagsOf(go: GoField, json: string, inline: boolean): string {
  const omit = json.includes(',omitempty') || json.includes(',omitzero')
  const has = (...names: string[]): boolean => names.some(name => go.markers.has(name))
  const required = has('required', 'k8s:required') || (!has('optional', 'k8s:optional') && !omit)
  return `${go.type.startsWith('*') ? 'p' : ''}${omit ? 'o' : ''}${inline ? 'i' : ''}${required ? 'r' : ''}`
}

/** How Go prints the type in errors: pointers of the field itself are looked through, names carry their package. */
function printedType(source: Source, type: string): string {
  const name = (text: string): string => {
    if (text.startsWith('[]')) return `[]${name(text.slice(2))}`
    if (text.startsWith('*')) return `*${name(text.slice(1))}`
    const map = /^map\[(.*?)\](.*)$/.exec(text)
    if (map) return `map[${name(map[1]!)}]${name(map[2]!)}`
    const qualified = /^(\w+)\.(\w+)$/.exec(text)
    if (qualified) return `${/(v\d+(?:(?:alpha|beta)\d+)?)$/.exec(qualified[1]!)?.[1] ?? qualified[1]}.${qualified[2]}`
    if (/^(string|bool|byte|u?int(32|64)?|float(32|64))$/.test(text)) return text === 'byte' ? 'uint8' : text
    return `${source.goName}.${text}`
  }
  return name(type.replace(/^\*/, ''))
}

/** What `printedType` gives where Go's type says no more than the table's; kept equal to `goTypeOf` of the reader. */
function derivedType(type: string): string {
  if (type.startsWith('[')) return `[]${derivedType(type.slice(1))}`
  if (type.startsWith('{:')) return `map[string]${derivedType(type.slice(2))}`
  if (type === 'bytes') return '[]uint8'
  if (type === 'double') return 'float64'
  return type.split('.').slice(-2).join('.')
}

/** Reads the sources below `root` (the folder `k8s.io` of a GOPATH); returns the table's blocks by name. */
export function buildFacts(root: string): Map<string, string> {
  const sources = sourcePaths(root).map(({ path, table }) => readSource(root, path, table))
  return new FactsWriter(sources).write()
}
