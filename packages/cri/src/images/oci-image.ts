import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { type Header, pack } from 'tar-stream'

/** A file of an image. `target` makes a symbolic link, neither content nor target makes a directory. */
export interface ImageFile {
  /** Relative to the root, for example `bin/sh`. */
  path: string
  mode?: number
  uid?: number
  gid?: number
  content?: Uint8Array
  target?: string
}

export interface ImageRecipe {
  /** The full reference, for example `docker.io/library/busybox:1.36`. */
  name: string
  architecture: 'amd64' | 'arm64'
  files: readonly ImageFile[]
  /** The image's `config` as OCI defines it. */
  config?: {
    Entrypoint?: readonly string[]
    Cmd?: readonly string[]
    Env?: readonly string[]
    User?: string
    WorkingDir?: string
    ExposedPorts?: Readonly<Record<string, object>>
    Volumes?: Readonly<Record<string, object>>
    Labels?: Readonly<Record<string, string>>
    StopSignal?: string
  }
}

const EPOCH = new Date(0)
const CREATED = '1970-01-01T00:00:00Z'

interface Blob {
  digest: string
  size: number
  content: Buffer
}

/**
 * An image with one uncompressed layer, as an OCI layout in a tar file (image-spec, image-layout.md). The same recipe gives
 * the same bytes. The annotation `io.containerd.image.name` tells containerd the name at import.
 */
export async function packImage(recipe: ImageRecipe): Promise<Buffer> {
  const layer = blob(await tar(recipe.files.map(entry)))
  const config = json({
    created: CREATED,
    architecture: recipe.architecture,
    os: 'linux',
    config: recipe.config ?? {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
    history: [{ created: CREATED, created_by: 'canopus image pack' }],
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.size },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.digest, size: layer.size }],
  })
  const index = json({
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: manifest.digest,
        size: manifest.size,
        platform: { architecture: recipe.architecture, os: 'linux' },
        annotations: { 'io.containerd.image.name': recipe.name, 'org.opencontainers.image.ref.name': recipe.name },
      },
    ],
  })
  return tar([
    { header: { name: 'oci-layout', mode: 0o644 }, content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { header: { name: 'index.json', mode: 0o644 }, content: index.content },
    ...[layer, config, manifest].map(each => ({
      header: { name: `blobs/sha256/${each.digest.slice('sha256:'.length)}`, mode: 0o644 },
      content: each.content,
    })),
  ])
}

interface TarEntry {
  header: Partial<Header> & { name: string }
  content?: Buffer
}

function entry(file: ImageFile): TarEntry {
  const owner = { uid: file.uid ?? 0, gid: file.gid ?? 0 }
  if (file.target !== undefined)
    return { header: { ...owner, name: file.path, type: 'symlink', linkname: file.target, mode: 0o777 } }
  if (file.content === undefined)
    return { header: { ...owner, name: `${file.path}/`, type: 'directory', mode: file.mode ?? 0o755 } }
  return { header: { ...owner, name: file.path, mode: file.mode ?? 0o644 }, content: Buffer.from(file.content) }
}

async function tar(entries: readonly TarEntry[]): Promise<Buffer> {
  const stream = pack()
  const whole = buffer(stream)
  for (const each of entries) stream.entry({ ...each.header, mtime: EPOCH }, each.content ?? Buffer.alloc(0))
  stream.finalize()
  return whole
}

function blob(content: Buffer): Blob {
  return { digest: `sha256:${createHash('sha256').update(content).digest('hex')}`, size: content.length, content }
}

function json(value: unknown): Blob {
  return blob(Buffer.from(JSON.stringify(value)))
}
