import { chmod, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The directories of a node that are volumes of their own, all in one place. */
export interface LocalDirectories {
  /** Makes a directory that everybody may write to; answers its path. It may be there already, and is left as it is then. */
  make(name: string): Promise<string>
  /** Removes one with all that is in it; it may be gone already. Throws where the path is none of them. */
  remove(path: string): Promise<void>
}

export function createLocalDirectories(root: string): LocalDirectories {
  return {
    async make(name) {
      const path = join(root, name)
      if (dirname(path) !== root) throw new Error(`${JSON.stringify(name)} is no name for a directory`)
      await mkdir(root, { recursive: true, mode: 0o711 })
      try {
        await mkdir(path)
        // Whatever user a container runs as; an fsGroup narrows it down.
        await chmod(path, 0o777)
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
      }
      return path
    },
    async remove(path) {
      if (dirname(path) !== root) throw new Error(`${path} is no volume directory of this node`)
      await rm(path, { recursive: true, force: true })
    },
  }
}
