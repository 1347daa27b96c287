import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '@canopus/platform'

/** Where containerd's CRI plugin keeps its images. */
const NAMESPACE = 'k8s.io'

export interface ImportOptions {
  /** The program. Default `ctr`, which comes with containerd. */
  ctr?: string
  signal?: AbortSignal
}

/** Loads an image (OCI layout or docker archive: the tar's bytes, or its path) into the containerd behind `socket`. */
export async function importImage(
  socket: string,
  image: Uint8Array | string,
  options: ImportOptions = {},
): Promise<void> {
  if (typeof image === 'string') return ctrImport(socket, image, options)
  const directory = mkdtempSync(join(tmpdir(), 'image-'))
  try {
    const file = join(directory, 'image.tar')
    writeFileSync(file, image)
    await ctrImport(socket, file, options)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function ctrImport(socket: string, file: string, options: ImportOptions): Promise<void> {
  const args = ['--address', socket, '--namespace', NAMESPACE, 'images', 'import', file]
  await run(options.ctr ?? 'ctr', args, options.signal ? { signal: options.signal } : {})
}
