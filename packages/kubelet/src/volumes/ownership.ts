import type { BigIntStats } from 'node:fs'
import { chmod, lchown, lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const SETGID = 0o2000n
const GROUP_RW = 0o660n
const GROUP_X = 0o110n

/**
 * Gives a volume to a group: everything in it belongs to the group and may be written by it, and what is made in directories
 * later will too (upstream pkg/volume/volume_linux.go). Symbolic links are not followed. With `rootOnly`, as the policy
 * `OnRootMismatch` has it, nothing is done where the volume's root is right already.
 */
export async function giveToGroup(root: string, group: number, rootOnly: boolean): Promise<void> {
  const stats = await lstat(root, { bigint: true })
  if (rootOnly && isRight(stats, group)) return
  await walk(root, stats, group)
}

function isRight(stats: BigIntStats, group: number): boolean {
  const wanted = GROUP_RW | GROUP_X | SETGID
  return stats.gid === BigInt(group) && (stats.mode & wanted) === wanted
}

/** What is below a directory comes before it, so that a root that is right says that all below it is. */
async function walk(path: string, stats: BigIntStats, group: number): Promise<void> {
  const directory = stats.isDirectory()
  if (directory)
    for (const name of await readdir(path)) {
      const child = join(path, name)
      await walk(child, await lstat(child, { bigint: true }), group)
    }
  await lchown(path, Number(stats.uid), group)
  if (stats.isSymbolicLink()) return
  const mode = (stats.mode & 0o7777n) | GROUP_RW | (directory ? GROUP_X | SETGID : 0n)
  await chmod(path, Number(mode))
}
