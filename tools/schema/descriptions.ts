/**
 * Collects the descriptions of API fields from the npm package `kubernetes-models`, and those of request parameters and of what
 * stands on every kind from `@kubernetes/client-node`, into `dist/descriptions.json.gz`, which the API server puts into its
 * OpenAPI documents (`kubectl explain`). Usage: node tools/schema/descriptions.ts [target]
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
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

const CLIENT = join(root, 'node_modules/@kubernetes/client-node/dist/gen')
const META = 'am.apis.meta.v1'
/** Requests of the client whose parameters are the fields of option messages. */
const REQUESTS: Readonly<Record<string, string>> = {
  CoreV1ApiListNamespacedPodRequest: `${META}.ListOptions`,
  CoreV1ApiCreateNamespacedPodRequest: `${META}.CreateOptions`,
  CoreV1ApiReplaceNamespacedPodRequest: `${META}.UpdateOptions`,
  CoreV1ApiPatchNamespacedPodRequest: `${META}.PatchOptions`,
  CoreV1ApiDeleteNamespacedPodRequest: `${META}.DeleteOptions`,
}

/** The first interface of a .d.ts file with the comments of itself and of its properties. */
function readInterface(text: string): Documented | undefined {
  let found: Documented | undefined
  let comment: string[] = []
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line.startsWith('/**')) comment = []
    // What follows a `@` is the package's own, said to programs.
    else if (line.startsWith('*') && !/^\*(\/| ?@)/.test(line)) comment.push(line.replace(/^\* ?/, ''))
    else if (!line.startsWith('*')) {
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

const ENTITIES: Readonly<Record<string, string>> = {
  '&#39;': "'",
  '&quot;': '"',
  '&#x60;': '`',
  '&#x3D;': '=',
  '&lt;': '<',
  '&gt;': '>',
  '&amp;': '&',
}

/** What the generator of the client made of a sentence, undone. */
const sentence = (text: string): string =>
  text
    .split('\nDefaults to: ')[0]!
    .replaceAll(/\\(?=['"&])/g, '')
    .replaceAll(/&#?\w+;/g, entity => ENTITIES[entity] ?? entity)

/** The fields that stand on every kind, as the client says them. */
function typeMeta(): Record<string, string> {
  const file = join(CLIENT, 'models/V1ConfigMap.d.ts')
  if (!existsSync(file)) return {}
  const documented = readInterface(readFileSync(file, 'utf8').replace('export declare class', 'export interface'))
  const of = (name: string): string => sentence(documented?.fields.get(name) ?? '')
  return { apiVersion: of('apiVersion'), kind: of('kind') }
}

/** The parameters of requests, by option message and name. */
function parameters(): Record<string, Record<string, string>> {
  const file = join(CLIENT, 'types/ObjectParamAPI.d.ts')
  const found: Record<string, Record<string, string>> = {}
  if (!existsSync(file)) return found
  const text = readFileSync(file, 'utf8')
  for (const [request, message] of Object.entries(REQUESTS)) {
    const at = text.indexOf(`export interface ${request} {`)
    const documented = at < 0 ? undefined : readInterface(text.slice(at))
    const fields = [...(documented?.fields ?? [])].map(([name, said]) => [name.replace(/^_/, ''), sentence(said)])
    found[message] = Object.fromEntries(fields)
  }
  return found
}

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
  const [onEveryKind, options] = [typeMeta(), parameters()]
  for (const message of schemas.names()) {
    const documented = found.get(exportName(definitionName(message)))
    const schema = schemas.typeOf(message)
    const own: Record<string, string> = schema.type === 'struct' && schema.isKind ? { ...onEveryKind } : {}
    if (documented?.type !== undefined) own[''] = documented.type
    for (const [field, text] of [...Object.entries(options[message] ?? {}), ...(documented?.fields ?? [])])
      own[field] = text
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
