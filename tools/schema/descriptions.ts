/**
 * Collects the descriptions of API fields from the npm package `kubernetes-models` into `dist/descriptions.json.gz`, which the API
 * server puts into its OpenAPI documents (`kubectl explain`). Usage: node tools/schema/descriptions.ts [target]
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { definitionName } from '../../packages/api/src/openapi/names.ts'
import { schemas } from '../../packages/api/src/schemas.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const PACKAGES = ['kubernetes-models', '@kubernetes-models/apimachinery']

interface Documented {
  type: string | undefined
  fields: Map<string, string>
}

/** Two fields stand on every kind; the package has no text for them. */
const TYPE_META = {
  apiVersion: 'The version of the API that this object is written in, for example "apps/v1".',
  kind: 'The kind of this object, in CamelCase. It cannot be changed.',
}

/** The first interface of a .d.ts file with the comments of itself and of its properties. */
function readInterface(text: string): Documented | undefined {
  let found: Documented | undefined
  let comment: string[] = []
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line.startsWith('/**')) comment = []
    else if (line.startsWith('*') && !line.startsWith('*/')) comment.push(line.replace(/^\* ?/, ''))
    else if (!line.startsWith('*/')) {
      const description = unescaped(comment.join('\n').trim())
      comment = []
      if (/^export interface \w+/.test(line)) {
        if (found !== undefined) return found
        found = { type: description || undefined, fields: new Map() }
      } else if (raw.startsWith('}') && found !== undefined) return found
      const property = /^ {4}['"]?([\w$-]+)['"]?\??: /.exec(raw)
      if (property && description !== '') found?.fields.set(property[1]!, description)
    }
  }
  return found
}

const unescaped = (text: string): string => text.replaceAll('\\*', '*').replaceAll('*\\/', '*/')

/** The name under which a file exports its interface: `IoK8sApiCoreV1Pod` for `io.k8s.api.core.v1.Pod`. */
const exportName = (definition: string): string =>
  definition
    .split(/[.-]/)
    .map(part => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')

function collect(folder: string, into: Map<string, Documented>): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules' && entry.name !== '_schemas') collect(path, into)
    } else if (entry.name.endsWith('.d.ts') && entry.name !== 'index.d.ts') {
      const text = readFileSync(path, 'utf8')
      const name = / as I?(Io[A-Z]\w+)/.exec(text)?.[1]
      const documented = readInterface(text)
      if (name !== undefined && documented !== undefined) into.set(name, documented)
    }
  }
}

/** Descriptions of everything in the facts table, by message and field. */
export function collectDescriptions(): Record<string, Record<string, string>> {
  const found = new Map<string, Documented>()
  for (const name of PACKAGES) collect(join(root, 'node_modules', name), found)
  const result: Record<string, Record<string, string>> = {}
  for (const message of schemas.names()) {
    const documented = found.get(exportName(definitionName(message)))
    const schema = schemas.typeOf(message)
    const own: Record<string, string> = schema.type === 'struct' && schema.isKind ? { ...TYPE_META } : {}
    if (documented?.type !== undefined) own[''] = documented.type
    for (const [field, text] of documented?.fields ?? []) own[field] = text
    if (Object.keys(own).length > 0) result[message] = own
  }
  return result
}

/** Writes `dist/descriptions.json.gz`, or another file; part of the build. */
export function writeDescriptions(target = join(root, 'dist/descriptions.json.gz')): void {
  const bytes = gzipSync(JSON.stringify(collectDescriptions()), { level: 9 })
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, bytes)
  console.log(`Wrote ${target} (${bytes.length} bytes).`)
}

if (import.meta.main) writeDescriptions(process.argv[2])
