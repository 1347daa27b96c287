import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { readTextIfPresent, writeFileAtomic } from '@canopus/platform'
import { extract } from 'tar-stream'

/** Images in a directory: blobs by digest, and which manifest a reference means. What the registry serves. */
export interface ImageStore {
  directory: string
}

type References = Record<string, string>

const blobPath = (store: ImageStore, digest: string): string => join(store.directory, 'blobs', digest.replace(':', '/'))
const referencesPath = (store: ImageStore): string => join(store.directory, 'references.json')

/** What is in the store: digest of the manifest by reference, for example `docker.io/library/redis:7`. */
export function readReferences(store: ImageStore): References {
  return JSON.parse(readTextIfPresent(referencesPath(store)) ?? '{}') as References
}

/** A blob's bytes, or `undefined` where it is not there. */
export function readBlob(store: ImageStore, digest: string): Buffer | undefined {
  const path = /^sha256:[0-9a-f]{64}$/.test(digest) ? blobPath(store, digest) : undefined
  return path !== undefined && existsSync(path) ? readFileSync(path) : undefined
}

/** Takes in an image (OCI layout in a tar) under a name and tags. */
export async function storeImage(
  store: ImageStore,
  name: string,
  tags: readonly string[],
  image: Uint8Array,
): Promise<void> {
  mkdirSync(join(store.directory, 'blobs/sha256'), { recursive: true })
  let digest: string | undefined
  for await (const entry of Readable.from([image]).pipe(extract())) {
    const content = await buffer(entry)
    if (entry.header.name.startsWith('blobs/') && entry.header.type === 'file')
      writeFileSync(join(store.directory, entry.header.name), content)
    if (entry.header.name === 'index.json')
      digest = (JSON.parse(content.toString()) as { manifests: { digest: string }[] }).manifests[0]?.digest
  }
  if (digest === undefined) throw new Error(`${name}: the image has no manifest`)
  const references = readReferences(store)
  for (const tag of tags) references[`${name}:${tag}`] = digest
  writeFileAtomic(referencesPath(store), `${JSON.stringify(references, null, 2)}\n`)
}
