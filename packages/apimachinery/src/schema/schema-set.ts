import { type FieldFacts, parseEnum, parseMessage, splitFacts } from './facts.ts'
import {
  type Field,
  isAtomic,
  type ListSchema,
  type PatchStrategy,
  plainField,
  type ScalarType,
  type Schema,
  type SpecialType,
  STRING,
  type StructSchema,
} from './schema.ts'

const SCALAR_GO_TYPES: Record<ScalarType, string> = {
  string: 'string',
  bool: 'bool',
  int32: 'int32',
  int64: 'int64',
  uint32: 'uint32',
  uint64: 'uint64',
  double: 'float64',
  bytes: '[]uint8',
}

const SPECIAL: Readonly<Record<string, SpecialType>> = {
  'am.api.resource.Quantity': 'quantity',
  'am.apis.meta.v1.Time': 'time',
  'am.apis.meta.v1.MicroTime': 'microTime',
  'am.apis.meta.v1.Duration': 'duration',
  'am.util.intstr.IntOrString': 'intOrString',
  'am.apis.meta.v1.FieldsV1': 'any',
  'am.runtime.RawExtension': 'any',
  'apiextensions.v1.JSON': 'any',
  'apiextensions.v1.JSONSchemaPropsOrArray': 'schemaOrList',
  'apiextensions.v1.JSONSchemaPropsOrBool': 'schemaOrBool',
  'apiextensions.v1.JSONSchemaPropsOrStringArray': 'schemaOrStrings',
}

const isScalar = (type: string): type is ScalarType => type in SCALAR_GO_TYPES
const isStringList = (type: string): boolean => /\.(ExtraValue|Verbs)$/.test(type)

/** The messages of one or more facts tables. Each is parsed when it is first asked for. */
export class SchemaSet {
  private readonly blocks = new Map<string, string>()
  private readonly built = new Map<string, Schema>()

  constructor(...tables: readonly string[]) {
    for (const table of tables) for (const [name, block] of splitFacts(table)) this.blocks.set(name, block)
  }

  /** Names of all messages, for example `core.v1.Pod`. */
  names(): string[] {
    return [...this.blocks.keys()].filter(name => !name.startsWith('='))
  }

  /** Messages of the package `from` (`resource.v1`) under the name of another version too, which has the same. */
  addVersion(from: string, to: string): void {
    for (const name of [...this.blocks.keys()]) {
      const [prefix, base] = name.startsWith('=') ? ['=', name.slice(1)] : ['', name]
      if (!base.startsWith(`${from}.`)) continue
      const block = this.blocks.get(name)!.replaceAll(new RegExp(`(?<![\\w.])${from}\\.`, 'g'), `${to}.`)
      this.blocks.set(`${prefix}${to}${base.slice(from.length)}`, block)
    }
  }

  /** Messages of a facts table, in the place of what has their names. Before anybody has asked for these. */
  addTable(table: string): void {
    for (const [name, block] of splitFacts(table)) this.blocks.set(name, block)
  }

  has(name: string): boolean {
    return this.blocks.has(name)
  }

  /** The struct `name`, always the same object. Throws where the table has no such struct. */
  schemaOf(name: string): StructSchema {
    const schema = this.typeOf(name)
    if (schema.type !== 'struct') throw new Error(`${name} is not a struct`)
    return schema
  }

  /** The message `name`, which may also be a special type such as `am.apis.meta.v1.Time`. Throws where it is unknown. */
  typeOf(name: string): Schema {
    let schema = this.built.get(name)
    if (schema === undefined) {
      schema = this.build(name)
      this.built.set(name, schema)
    }
    return schema
  }

  private build(name: string): Schema {
    const block = this.blocks.get(name)
    if (block === undefined) throw new Error(`no message ${name} in the facts table`)
    const goType = goTypeOf(name)
    if (isStringList(name)) return { type: 'list', items: STRING, mapKeys: [], wrapped: true, goType }
    const special = SPECIAL[name]
    if (special === undefined) return new TableStruct(this, block)
    const struct = special.startsWith('schemaOr') ? this.schemaOf('apiextensions.v1.JSONSchemaProps') : undefined
    return { type: special, message: name, goType, ...(struct ? { struct } : {}) }
  }

  /** The values of an enum of the table, sorted. */
  enumOf(name: string): readonly string[] {
    const block = this.blocks.get(`=${name}`)
    return block === undefined ? [] : parseEnum(block)
  }

  /** The schema of a field's type with what the field adds to it. */
  fieldSchema(type: string, extras: ReadonlyMap<string, string>, goType = extras.get('g') ?? goTypeOf(type)): Schema {
    if (type.startsWith('[')) {
      const items = this.fieldSchema(type.slice(1), elementExtras(extras), elementGoType(goType, type))
      const listType = extras.get('l') as ListSchema['listType']
      const mapKeys = extras.get('k')?.split(',') ?? []
      return { type: 'list', items, mapKeys, goType, ...(listType ? { listType } : {}) }
    }
    if (type.startsWith('{:')) {
      const values = this.fieldSchema(type.slice(2), elementExtras(extras), goTypeOf(type.slice(2)))
      return { type: 'map', values, atomic: extras.get('t') === 'atomic', goType }
    }
    if (!isScalar(type)) return this.typeOf(type)
    const values = extras.get('e')
    return {
      type,
      goType,
      ...(values ? { enum: this.enumOf(values) } : {}),
      ...(extras.get('l') === 'atomic' ? { listType: 'atomic' } : {}),
    }
  }
}

const embeddedPath = (struct: StructSchema, field: Field): string => {
  const name = struct.name.slice(struct.name.lastIndexOf('.') + 1)
  return field.embeddedIn === undefined ? name : `${name}.${field.embeddedIn}`
}
const elementExtras = (extras: ReadonlyMap<string, string>): ReadonlyMap<string, string> => {
  const values = extras.get('e')
  return new Map(values === undefined ? [] : [['e', values]])
}
const elementGoType = (goType: string, type: string): string =>
  goType.startsWith('[]') ? goType.slice(2).replace(/^\*/, '') : goTypeOf(type.slice(1))

function goTypeOf(type: string): string {
  if (type.startsWith('[')) return `[]${goTypeOf(type.slice(1))}`
  if (type.startsWith('{:')) return `map[string]${goTypeOf(type.slice(2))}`
  return isScalar(type) ? SCALAR_GO_TYPES[type] : type.split('.').slice(-2).join('.')
}

/** A struct of the table. Its fields are resolved on first use, since messages refer to each other in circles. */
class TableStruct implements StructSchema {
  readonly type = 'struct'
  readonly name: string
  readonly goType: string
  readonly isKind: boolean
  readonly atomic: boolean
  readonly preserveUnknown = false
  private readonly set: SchemaSet
  private facts: readonly FieldFacts[]
  private resolvedMembers: readonly Field[] | undefined
  private resolvedFields: ReadonlyMap<string, Field> | undefined

  constructor(set: SchemaSet, block: string) {
    const facts = parseMessage(block)
    this.set = set
    this.facts = facts.fields
    this.name = facts.name
    this.goType = goTypeOf(facts.name)
    this.isKind = facts.notes.includes('kind')
    this.atomic = facts.notes.includes('atomic')
  }

  get members(): readonly Field[] {
    if (this.resolvedMembers === undefined) {
      this.resolvedMembers = this.facts.map(facts => this.member(facts))
      this.facts = []
    }
    return this.resolvedMembers
  }

  get fields(): ReadonlyMap<string, Field> {
    this.resolvedFields ??= this.flatten()
    return this.resolvedFields
  }

  private flatten(): ReadonlyMap<string, Field> {
    const fields = new Map<string, Field>()
    if (this.isKind) for (const name of ['apiVersion', 'kind']) fields.set(name, plainField(name, STRING))
    for (const member of this.members) {
      if (member.inline && member.schema.type === 'struct')
        for (const [name, field] of member.schema.fields) {
          if (!fields.has(name)) fields.set(name, { ...field, embeddedIn: embeddedPath(member.schema, field) })
        }
      else if (member.name !== '-') fields.set(member.name, member)
    }
    return fields
  }

  private member(facts: FieldFacts): Field {
    const { flags, extras } = facts
    const schema = this.set.fieldSchema(facts.type, extras)
    const mergeKey = extras.get('m')
    const preset = extras.get('d')
    const own = extras.get('t')
    return {
      name: facts.name,
      number: facts.number,
      schema,
      pointer: flags.includes('p'),
      omitEmpty: flags.includes('o'),
      required: flags.includes('r'),
      inline: flags.includes('i'),
      patchStrategy: (extras.get('s')?.split(',') ?? []) as PatchStrategy[],
      ...(mergeKey === undefined ? {} : { mergeKey }),
      ...(preset === undefined ? {} : { default: JSON.parse(preset) as unknown }),
      ...(own === undefined ? {} : { mapType: own as 'atomic' | 'granular' }),
      atomic: own === undefined ? isAtomic(schema) : own === 'atomic',
    }
  }
}
