/**
 * Writes the TypeScript types of every API message from the facts table, one file per group version:
 * `packages/apimachinery/src/generated/meta.ts` for what all objects share, `packages/api/src/generated/<package>.ts` for the rest.
 *
 * Shapes: lists, maps, pointers and `omitempty` fields are optional, save `metadata` and a non-pointer `spec` of a kind,
 * which every stored object has. Quantities and times are strings, bytes are base64 strings, raw JSON is `unknown`.
 */
import { writeFileSync } from 'node:fs'
import { parseMessage, splitFacts } from '../../packages/apimachinery/src/schema/facts.ts'

interface Field {
  json: string
  type: string
  flags: string
}
interface Message {
  name: string
  fields: Field[]
}

const SCALARS: Record<string, string> = {
  string: 'string',
  bytes: 'string',
  bool: 'boolean',
  int32: 'number',
  int64: 'number',
  uint32: 'number',
  uint64: 'number',
  double: 'number',
  float: 'number',
}

const SPECIAL: Record<string, string> = {
  'am.api.resource.Quantity': 'string',
  'am.apis.meta.v1.Time': 'string',
  'am.apis.meta.v1.MicroTime': 'string',
  'am.apis.meta.v1.Duration': 'string',
  'am.util.intstr.IntOrString': 'number | string',
  'am.apis.meta.v1.FieldsV1': 'Record<string, unknown>',
  'am.runtime.RawExtension': 'unknown',
  'apiextensions.v1.JSON': 'unknown',
  'apiextensions.v1.JSONSchemaPropsOrArray': 'JSONSchemaProps | JSONSchemaProps[]',
  'apiextensions.v1.JSONSchemaPropsOrBool': 'JSONSchemaProps | boolean',
  'apiextensions.v1.JSONSchemaPropsOrStringArray': 'JSONSchemaProps | string[]',
}

/** All messages of the table, as the emitter needs them. */
export function parseFacts(text: string): Message[] {
  return [...splitFacts(text)]
    .filter(([name]) => !name.startsWith('='))
    .map(([, block]) => {
      const { name, fields } = parseMessage(block)
      return { name, fields: fields.map(field => ({ json: field.name, type: field.type, flags: field.flags })) }
    })
}

const packageOf = (name: string): string => name.slice(0, name.lastIndexOf('.'))
const shortOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1)
const isMeta = (name: string): boolean => name.startsWith('am.')
const isStringList = (name: string): boolean => /\.(ExtraValue|Verbs)$/.test(name)

class Emitter {
  private readonly imports = new Map<string, Set<string>>()
  private readonly own: string
  private readonly kinds: ReadonlySet<string>
  constructor(own: string, kinds: ReadonlySet<string>) {
    this.own = own
    this.kinds = kinds
  }

  typeOf(type: string): string {
    if (type.startsWith('[')) return wrap(this.typeOf(type.slice(1)))
    if (type.startsWith('{')) return `Record<string, ${this.typeOf(type.slice(type.indexOf(':') + 1))}>`
    if (SCALARS[type]) return SCALARS[type]
    if (SPECIAL[type]) return SPECIAL[type]
    if (isStringList(type)) return 'string[]'
    const from = isMeta(type) ? 'meta' : packageOf(type)
    if (from !== this.own) this.use(from, shortOf(type))
    return shortOf(type)
  }

  private use(from: string, name: string): void {
    const names = this.imports.get(from) ?? new Set()
    this.imports.set(from, names.add(name))
  }

  message(message: Message, inline: ReadonlyMap<string, Message>): string {
    const parents: string[] = []
    const lines: string[] = []
    const kind = this.kinds.has(message.name)
    if (
      kind ||
      message.name.endsWith('List') ||
      /^am\..*(\.Status|Options|\.APIGroup|\.APIVersions)$/.test(message.name)
    )
      lines.push('  apiVersion?: string', '  kind?: string')
    for (const field of message.fields) {
      if (field.flags.includes('i')) {
        parents.push(this.typeOf(field.type))
        continue
      }
      if (lines.some(line => line.trim().startsWith(`${field.json}?`))) continue
      lines.push(
        `  ${propertyName(field.json)}${this.optional(message, field, kind) ? '?' : ''}: ${this.fieldType(field, kind)}`,
      )
    }
    void inline
    const extend = parents.length > 0 ? ` extends ${parents.join(', ')}` : ''
    return `export interface ${shortOf(message.name)}${extend} {\n${lines.join('\n')}\n}\n`
  }

  private fieldType(field: Field, kind: boolean): string {
    if (field.json === 'metadata' && !kind && field.type.endsWith('.ObjectMeta'))
      return `Partial<${this.typeOf(field.type)}>`
    return this.typeOf(field.type)
  }

  private optional(message: Message, field: Field, kind: boolean): boolean {
    if (
      message.name === 'am.apis.meta.v1.ObjectMeta' &&
      ['name', 'uid', 'resourceVersion', 'creationTimestamp'].includes(field.json)
    )
      return false
    if (kind && field.json === 'metadata') return false
    if (field.json === 'spec' && !field.flags.includes('p')) return false
    if (field.json === 'items' && message.name.endsWith('List')) return false
    if (field.flags.includes('r')) return false
    return (
      field.flags.includes('o') ||
      field.flags.includes('p') ||
      field.type.startsWith('[') ||
      field.type.startsWith('{') ||
      field.type === 'bytes'
    )
  }

  header(): string {
    const lines = ['// Generated by tools/schema from the facts table. Do not edit.', '']
    for (const [from, names] of [...this.imports].sort()) {
      const path = from === 'meta' ? '@canopus/apimachinery' : `./${from}.ts`
      lines.push(`import type { ${[...names].sort().join(', ')} } from '${path}'`)
    }
    if (this.imports.size > 0) lines.push('')
    return lines.join('\n')
  }
}

const propertyName = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : `'${name}'`)
const wrap = (type: string): string => (type.includes('|') ? `(${type})[]` : `${type}[]`)

/** Renders all messages; returns file contents by package name (`meta`, `core.v1`, ...). */
export function renderTypes(messages: readonly Message[]): Map<string, string> {
  const byName = new Map(messages.map(message => [message.name, message]))
  const kinds = new Set(
    messages
      .filter(
        message =>
          message.fields.some(field => field.json === 'metadata' && field.type.endsWith('.ObjectMeta')) &&
          message.name !== 'core.v1.PodTemplateSpec' &&
          !message.name.endsWith('TemplateSpec') &&
          !/\.(PersistentVolumeClaimTemplate)$/.test(message.name),
      )
      .map(message => message.name),
  )
  const files = new Map<string, Message[]>()
  for (const message of messages) {
    if (SPECIAL[message.name] || isStringList(message.name) || message.name.endsWith('QuantityValue')) continue
    const file = isMeta(message.name) ? 'meta' : packageOf(message.name)
    files.set(file, [...(files.get(file) ?? []), message])
  }
  const rendered = new Map<string, string>()
  for (const [file, list] of files) {
    const emitter = new Emitter(file, kinds)
    const body = list.map(message => emitter.message(message, byName)).join('\n')
    rendered.set(file, `${emitter.header()}\n${body}`)
  }
  return rendered
}

/** Writes the rendered types into the workspace at `root`. */
export function writeTypes(root: string, facts: string): void {
  for (const [file, text] of renderTypes(parseFacts(facts))) {
    writeFileSync(
      file === 'meta'
        ? `${root}/packages/apimachinery/src/generated/meta.ts`
        : `${root}/packages/api/src/generated/${file}.ts`,
      text,
    )
  }
}
