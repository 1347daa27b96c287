import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock, Random } from '@canopus/base'
import { isMissing } from '@canopus/platform'

export interface ProjectedFile {
  content: Buffer
  mode: number
  uid?: number
}

/** Files of a volume by their path relative to its root, for example `conf/app.ini`. */
export type Payload = ReadonlyMap<string, ProjectedFile>

export interface Ownership {
  /** The pod's fsGroup: files belong to it and it may read them. */
  gid?: number
}

const DATA = '..data'
const DATA_TEMPORARY = '..data_tmp'
const GROUP_READ = 0o440
const GROUP_DIRECTORY = 0o2550

/**
 * Makes a volume's directory hold exactly `payload`, so that readers see all old files or all new ones: they are written into
 * a directory of their own, to which the link `..data` is then moved; what users see are links through `..data` (upstream
 * pkg/volume/util/atomic_writer.go). Returns whether anything changed.
 */
export function writeAtomically(
  root: string,
  payload: Payload,
  owner: Ownership,
  clock: Clock,
  random: Random,
): boolean {
  mkdirSync(root, { recursive: true })
  const present = currentDirectory(root)
  if (present !== undefined && holds(join(root, present), payload, owner)) return false
  const fresh = timestampName(clock, random)
  fill(join(root, fresh), payload, owner)
  rmSync(join(root, DATA_TEMPORARY), { force: true })
  symlinkSync(fresh, join(root, DATA_TEMPORARY))
  renameSync(join(root, DATA_TEMPORARY), join(root, DATA))
  linkVisible(root, payload)
  if (present !== undefined) rmSync(join(root, present), { recursive: true, force: true })
  return true
}

function timestampName(clock: Clock, random: Random): string {
  const time = new Date(clock.now()).toISOString().replace(/[-:]/g, '_').replace('T', '_').replace('Z', '')
  return `..${time}.${Buffer.from(random.bytes(4)).readUInt32BE()}`
}

function currentDirectory(root: string): string | undefined {
  try {
    return readlinkSync(join(root, DATA))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function fileMode(file: ProjectedFile, owner: Ownership): number {
  return owner.gid === undefined ? file.mode : file.mode | GROUP_READ
}

function holds(directory: string, payload: Payload, owner: Ownership): boolean {
  const present = listFiles(directory)
  if (present.length !== payload.size) return false
  for (const path of present) {
    const wanted = payload.get(path)
    if (wanted === undefined) return false
    const full = join(directory, path)
    if ((lstatSync(full).mode & 0o7777) !== fileMode(wanted, owner) || !readFileSync(full).equals(wanted.content))
      return false
  }
  return true
}

function listFiles(directory: string, prefix = ''): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap(entry =>
      entry.isDirectory()
        ? listFiles(join(directory, entry.name), `${prefix}${entry.name}/`)
        : [`${prefix}${entry.name}`],
    )
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** Modes are set apart from the writing: the process' umask must not have a say. */
function fill(directory: string, payload: Payload, owner: Ownership): void {
  makeDirectory(directory, owner)
  for (const [path, file] of payload) {
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth++) makeDirectory(join(directory, ...parts.slice(0, depth)), owner)
    const full = join(directory, path)
    writeFileSync(full, file.content)
    if (file.uid !== undefined || owner.gid !== undefined) chownSync(full, file.uid ?? 0, owner.gid ?? 0)
    chmodSync(full, fileMode(file, owner))
  }
}

function makeDirectory(directory: string, owner: Ownership): void {
  mkdirSync(directory, { recursive: true })
  if (owner.gid !== undefined) chownSync(directory, 0, owner.gid)
  chmodSync(directory, owner.gid === undefined ? 0o755 : 0o755 | GROUP_DIRECTORY)
}

/** One link per first path element; those of files that are gone are removed. */
function linkVisible(root: string, payload: Payload): void {
  const wanted = new Set([...payload.keys()].map(path => path.split('/')[0]!))
  for (const name of readdirSync(root))
    if (!name.startsWith('..') && !wanted.has(name)) rmSync(join(root, name), { force: true })
  for (const name of wanted) {
    const link = join(root, name)
    try {
      lstatSync(link)
    } catch (error) {
      if (!isMissing(error)) throw error
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(DATA, name), link)
    }
  }
}
