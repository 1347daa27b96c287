/** The patch formats as far as tests need them. The server's own live in `apimachinery` and know the schema; these guess. */

type Json = unknown
type Fields = Record<string, Json>

const isFields = (value: Json): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** RFC 7386. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isFields(patch)) return patch
  const result: Fields = isFields(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatch(result[key], value)
  }
  return result
}

/** Lists that strategic merge patch joins by key; every other list is replaced. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  conditions: 'type',
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  ownerReferences: 'uid',
  addresses: 'type',
  podIPs: 'ip',
  ports: 'port',
}
const MERGED_PRIMITIVES = new Set(['finalizers', 'podCIDRs'])

export function strategicMergePatch(target: Json, patch: Json): Json {
  if (!isFields(patch)) return patch
  if (patch.$patch === 'replace') return without(patch, '$patch')
  const result: Fields = isFields(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const list = key.slice('$deleteFromPrimitiveList/'.length)
      result[list] = ((result[list] as Json[] | undefined) ?? []).filter(each => !(value as Json[]).includes(each))
    } else if (key.startsWith('$')) continue
    else if (value === null) delete result[key]
    else if (Array.isArray(value)) result[key] = mergeList(key, result[key], value)
    else result[key] = strategicMergePatch(result[key], value)
  }
  return result
}

function mergeList(name: string, target: Json, patch: readonly Json[]): Json {
  const old = Array.isArray(target) ? target : []
  if (MERGED_PRIMITIVES.has(name)) return [...new Set([...old, ...patch])]
  const key = MERGE_KEYS[name]
  if (key === undefined || !patch.every(isFields)) return patch
  const result = [...(old as Fields[])]
  for (const item of patch as Fields[]) {
    const at = result.findIndex(each => each[key] === item[key])
    if (item.$patch === 'delete') {
      if (at !== -1) result.splice(at, 1)
    } else if (at === -1) result.push(item)
    else result[at] = strategicMergePatch(result[at], item) as Fields
  }
  return result
}

function without(fields: Fields, name: string): Fields {
  const { [name]: _gone, ...rest } = fields
  return rest
}

interface Operation {
  op: 'add' | 'remove' | 'replace' | 'test' | 'copy' | 'move'
  path: string
  value?: Json
  from?: string
}

/** RFC 6902 without `copy` and `move`. Throws where a test fails or a path is missing. */
export function jsonPatch(target: Json, operations: readonly Operation[]): Json {
  const document = structuredClone(target)
  for (const operation of operations) applyOperation(document, operation)
  return document
}

function applyOperation(document: Json, { op, path, value }: Operation): void {
  const steps = path
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = steps.pop()!
  let parent = document as Fields
  for (const step of steps) {
    if (!isFields(parent[step]) && !Array.isArray(parent[step])) throw new Error(`path ${path} does not exist`)
    parent = parent[step] as Fields
  }
  if (op === 'test') {
    if (JSON.stringify(parent[last]) !== JSON.stringify(value)) throw new Error(`testing value ${path} failed`)
  } else if (Array.isArray(parent)) {
    const at = last === '-' ? parent.length : Number(last)
    if (op === 'add') parent.splice(at, 0, value)
    else if (op === 'remove') parent.splice(at, 1)
    else parent[at] = value
  } else if (op === 'remove') {
    if (!(last in parent)) throw new Error(`path ${path} does not exist`)
    delete parent[last]
  } else parent[last] = value
}
