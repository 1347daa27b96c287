/** A cluster and what happens to it, as a file describes it. Reading only: `play.ts` plays it. */
import { allResourceTypes } from '@canopus/api'
import type { Taint } from '@canopus/api/core/v1'
import { apiVersionOf, formatQuantity, type KubeObject, parseQuantity, type ResourceType } from '@canopus/apimachinery'
import * as yaml from 'js-yaml'
import type { SimulatedNodeSpec } from '../simulated-nodes.ts'
import { parseDuration } from '../simulated-pod.ts'
import type { ComponentName } from '../simulation/control-plane.ts'

/** Times in milliseconds. */
export interface Scenario {
  seed: number
  /** How long after the last event the cluster may take to settle. */
  patience: number
  nodes: readonly SimulatedNodeSpec[]
  objects: readonly Manifest[]
  events: readonly ScenarioEvent[]
  /** Whether requests and watches fail now and then. */
  faults: boolean
  /** Whether nodes write all their renewals. */
  heartbeats: 'written' | 'implied'
}

export interface Manifest {
  type: ResourceType
  object: KubeObject
}

export interface Target {
  type: ResourceType
  namespace: string
  name: string
}

/** What all pods of a workload use together, as quantities; what is missing stays as it is. */
export interface Load {
  cpu?: string
  memory?: string
}

export type Deed =
  | { kind: 'fail' | 'restore' | 'drain' | 'uncordon'; node: string }
  | { kind: 'scale'; target: Target; replicas: number }
  | { kind: 'load'; target: Target; load: Load }
  | { kind: 'rollout'; target: Target }
  | { kind: 'delete'; target: Target }
  | { kind: 'apply'; objects: readonly Manifest[] }
  | { kind: 'restart'; component: Exclude<ComponentName, 'nodes'> }

export interface ScenarioEvent {
  at: number
  /** As the report calls it. */
  text: string
  deed: Deed
}

/** Says what is wrong with a scenario, and where. */
export class ScenarioError extends Error {
  constructor(where: string, message: string) {
    super(where === '' ? message : `${where}: ${message}`)
    this.name = 'ScenarioError'
  }
}

const PATIENCE = 15 * 60_000
const DEEDS = [
  'fail',
  'restore',
  'drain',
  'uncordon',
  'scale',
  'load',
  'rollout',
  'delete',
  'apply',
  'restart',
] as const
/** What a deed says besides whom it concerns. */
const DETAILS: Partial<Record<(typeof DEEDS)[number], readonly string[]>> = {
  scale: ['replicas'],
  load: ['cpu', 'memory'],
}
const FIELDS = ['seed', 'patience', 'nodes', 'manifests', 'objects', 'events', 'faults', 'heartbeats']

/** Reads a scenario. `readFile` answers the text of a file that it names. Throws `ScenarioError`. */
export function parseScenario(text: string, readFile: (path: string) => string): Scenario {
  const root = record(
    '',
    reading(() => yaml.load(text)),
  )
  onlyKnown('', root, FIELDS)
  const nodes = list('nodes', root.nodes ?? [{ count: 3 }]).flatMap((each, index) => nodesOf(`nodes[${index}]`, each))
  const files = list('manifests', root.manifests ?? []).flatMap((path, index) =>
    manifestsOf(`manifests[${index}]`, path, readFile),
  )
  const inline = list('objects', root.objects ?? []).map((each, index) => manifest(`objects[${index}]`, each))
  const events = list('events', root.events ?? []).map((each, index) => event(`events[${index}]`, each, readFile))
  checkNodes(nodes, events)
  return {
    seed: root.seed === undefined ? 1 : whole('seed', root.seed),
    patience: root.patience === undefined ? PATIENCE : time('patience', root.patience),
    nodes,
    objects: [...files, ...inline],
    events: events.toSorted((a, b) => a.at - b.at),
    faults: root.faults === undefined ? false : flag('faults', root.faults),
    heartbeats: root.heartbeats === undefined ? 'written' : heartbeats('heartbeats', root.heartbeats),
  }
}

type Fields = Record<string, unknown>

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new ScenarioError('', `no valid YAML: ${error instanceof Error ? error.message : error}`)
  }
}

function record(where: string, value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ScenarioError(where, 'must be an object with fields')
  }
  return value as Fields
}

function onlyKnown(where: string, fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find(name => !known.includes(name))
  if (unknown !== undefined) throw new ScenarioError(where, `unknown field ${unknown}; known are ${known.join(', ')}`)
}

function list(where: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ScenarioError(where, 'must be a list')
  return value
}

function text(where: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') throw new ScenarioError(where, 'must be a text')
  return value
}

function whole(where: string, value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 0) throw new ScenarioError(where, 'must be a whole number')
  return value as number
}

function flag(where: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new ScenarioError(where, 'must be true or false')
  return value
}

function heartbeats(where: string, value: unknown): Scenario['heartbeats'] {
  if (value !== 'written' && value !== 'implied') throw new ScenarioError(where, 'must be written or implied')
  return value
}

function time(where: string, value: unknown): number {
  const milliseconds = typeof value === 'string' ? parseDuration(value) : value === 0 ? 0 : undefined
  if (milliseconds === undefined) throw new ScenarioError(where, 'must be a duration such as 90s or 5m')
  return milliseconds
}

function texts(where: string, value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(record(where, value)).map(([key, each]) => [key, String(each)]))
}

function nodesOf(where: string, value: unknown): SimulatedNodeSpec[] {
  const fields = record(where, value)
  onlyKnown(where, fields, ['name', 'count', 'labels', 'taints', 'capacity'])
  const name = fields.name === undefined ? 'node' : text(`${where}.name`, fields.name)
  const spec = {
    ...(fields.labels === undefined ? {} : { labels: texts(`${where}.labels`, fields.labels) }),
    ...(fields.taints === undefined ? {} : { taints: list(`${where}.taints`, fields.taints) as readonly Taint[] }),
    ...(fields.capacity === undefined ? {} : { capacity: texts(`${where}.capacity`, fields.capacity) }),
  }
  if (fields.count === undefined) return [{ name, ...spec }]
  const count = whole(`${where}.count`, fields.count)
  return Array.from({ length: count }, (_, index) => ({ name: `${name}-${index}`, ...spec }))
}

function manifestsOf(where: string, path: unknown, readFile: (path: string) => string): Manifest[] {
  const name = text(where, path)
  let content: string
  try {
    content = readFile(name)
  } catch (error) {
    throw new ScenarioError(where, `${name} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
  const documents = reading(() => yaml.loadAll(content)).filter(each => each !== null && each !== undefined)
  return documents.map((each, index) => manifest(`${name}, object ${index + 1}`, each))
}

function manifest(where: string, value: unknown): Manifest {
  const object = record(where, value) as Fields & KubeObject
  const { apiVersion, kind } = object
  const type = allResourceTypes.find(each => each.kind === kind && apiVersionOf(each) === apiVersion)
  if (type === undefined) {
    throw new ScenarioError(where, `no kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`)
  }
  if (!object.metadata?.name) throw new ScenarioError(where, 'metadata.name is missing')
  const metadata = type.namespaced ? { namespace: 'default', ...object.metadata } : object.metadata
  return { type, object: { ...object, metadata } }
}

/** `deployment/web`, or `deployment/web -n shop`. */
function target(where: string, value: unknown): Target {
  const match = /^([a-z]+)\/([^\s/]+)(?:\s+-n\s+(\S+))?$/i.exec(text(where, value))
  const word = match?.[1]?.toLowerCase()
  const type = allResourceTypes.find(
    each => each.plural === word || each.singular === word || each.shortNames?.includes(word ?? ''),
  )
  if (!match || type === undefined) throw new ScenarioError(where, 'must be of the form deployment/web -n namespace')
  return { type, name: match[2]!, namespace: type.namespaced ? (match[3] ?? 'default') : '' }
}

/** Those whose pods share a load. */
function loadTarget(where: string, value: unknown): Target {
  const loaded = target(where, value)
  if (loaded.type.kind === 'Deployment' || loaded.type.kind === 'StatefulSet') return loaded
  throw new ScenarioError(where, 'must be a deployment or a stateful set')
}

function load(where: string, fields: Fields): Load {
  const { cpu, memory } = fields
  if (cpu === undefined && memory === undefined) throw new ScenarioError(where, 'must come with cpu or memory')
  return {
    ...(cpu === undefined ? {} : { cpu: quantity(`${where}.cpu`, cpu) }),
    ...(memory === undefined ? {} : { memory: quantity(`${where}.memory`, memory) }),
  }
}

function quantity(where: string, value: unknown): string {
  try {
    return formatQuantity(parseQuantity(String(value)))
  } catch {
    throw new ScenarioError(where, 'must be a quantity such as 250m or 64Mi')
  }
}

function event(where: string, value: unknown, readFile: (path: string) => string): ScenarioEvent {
  const fields = record(where, value)
  const named = DEEDS.filter(each => fields[each] !== undefined)
  const [kind] = named
  if (kind === undefined || named.length > 1) {
    throw new ScenarioError(where, `must have exactly one of ${DEEDS.join(', ')}`)
  }
  const details = DETAILS[kind] ?? []
  onlyKnown(where, fields, ['at', kind, ...details])
  const at = time(`${where}.at`, fields.at ?? 0)
  const what = fields[kind]
  const given = details.filter(each => fields[each] !== undefined)
  const more = kind === 'scale' ? ` to ${fields.replicas}` : given.map(each => ` ${each} ${fields[each]}`).join('')
  return { at, text: `${kind} ${String(what)}${more}`, deed: deed(`${where}.${kind}`, kind, fields, readFile) }
}

function deed(where: string, kind: Deed['kind'], fields: Fields, readFile: (path: string) => string): Deed {
  const value = fields[kind]
  switch (kind) {
    case 'fail':
    case 'restore':
    case 'drain':
    case 'uncordon':
      return { kind, node: text(where, value) }
    case 'scale':
      return { kind, target: target(where, value), replicas: whole(`${where}.replicas`, fields.replicas) }
    case 'load':
      return { kind, target: loadTarget(where, value), load: load(where, fields) }
    case 'rollout':
    case 'delete':
      return { kind, target: target(where, value) }
    case 'apply':
      return { kind, objects: manifestsOf(where, value, readFile) }
    case 'restart': {
      const component = text(where, value)
      if (component !== 'api-server' && component !== 'controller-manager' && component !== 'scheduler') {
        throw new ScenarioError(where, 'must be api-server, controller-manager or scheduler')
      }
      return { kind, component }
    }
  }
}

function checkNodes(nodes: readonly SimulatedNodeSpec[], events: readonly ScenarioEvent[]): void {
  const names = new Set(nodes.map(each => each.name))
  if (names.size < nodes.length) throw new ScenarioError('nodes', 'two have the same name')
  for (const [index, { deed: each }] of events.entries()) {
    if ('node' in each && !names.has(each.node)) {
      throw new ScenarioError(`events[${index}].${each.kind}`, `there is no node ${each.node}`)
    }
  }
}
