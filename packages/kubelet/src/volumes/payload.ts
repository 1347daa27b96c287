import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from '@canopus/api/core/v1'
import { type DownwardFacts, fieldValue, resourceValue } from '../env/downward.ts'
import type { ProjectedFile } from './atomic-writer.ts'

/** A volume that cannot be filled (now): an object or key is missing. */
export class VolumeError extends Error {}

interface Selection {
  items?: readonly KeyToPath[] | undefined
  optional?: boolean | undefined
  defaultMode: number
}

/** A config map's files; all keys, or those that `items` names (upstream pkg/volume/configmap). */
export function configMapFiles(
  map: ConfigMap | undefined,
  name: string,
  selection: Selection,
): Map<string, ProjectedFile> {
  if (map === undefined && !selection.optional) throw new VolumeError(`configmap ${JSON.stringify(name)} not found`)
  const values = new Map<string, Buffer>()
  for (const [key, text] of Object.entries(map?.data ?? {})) values.set(key, Buffer.from(text))
  for (const [key, encoded] of Object.entries(map?.binaryData ?? {})) values.set(key, Buffer.from(encoded, 'base64'))
  return select(values, selection, key => `configmap references non-existent config key: ${key}`)
}

export function secretFiles(
  secret: Secret | undefined,
  name: string,
  selection: Selection,
): Map<string, ProjectedFile> {
  if (secret === undefined && !selection.optional) throw new VolumeError(`secret ${JSON.stringify(name)} not found`)
  const values = new Map<string, Buffer>()
  for (const [key, encoded] of Object.entries(secret?.data ?? {})) values.set(key, Buffer.from(encoded, 'base64'))
  return select(values, selection, key => `references non-existent secret key: ${key}`)
}

function select(
  values: ReadonlyMap<string, Buffer>,
  selection: Selection,
  missing: (key: string) => string,
): Map<string, ProjectedFile> {
  const files = new Map<string, ProjectedFile>()
  if (selection.items === undefined || selection.items.length === 0) {
    for (const [key, content] of values) files.set(key, { content, mode: selection.defaultMode })
    return files
  }
  for (const { key, path, mode } of selection.items) {
    const content = values.get(key)
    if (content !== undefined) files.set(normal(path), { content, mode: mode ?? selection.defaultMode })
    else if (!selection.optional) throw new VolumeError(missing(key))
  }
  return files
}

export function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
  pod: Pod,
  facts: DownwardFacts,
): Map<string, ProjectedFile> {
  const files = new Map<string, ProjectedFile>()
  for (const { path, fieldRef, resourceFieldRef, mode } of items) {
    const text = fieldRef
      ? fieldValue(fieldRef, pod, facts)
      : resourceFieldRef
        ? resourceValue(resourceFieldRef, pod, pod.spec.containers[0]!, facts)
        : ''
    files.set(normal(path), { content: Buffer.from(text), mode: mode ?? defaultMode })
  }
  return files
}

/** Paths were checked by the API server; this only takes away `./` and doubled slashes. */
function normal(path: string): string {
  return path
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/')
}
