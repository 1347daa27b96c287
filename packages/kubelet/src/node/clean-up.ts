import { rmSync } from 'node:fs'
import type { Logger } from '@canopus/base'
import type { KubeletOptions } from '../options.ts'
import { createCgroups } from '../runtime/cgroups.ts'
import { unmountBelow } from '../volumes/empty-dir.ts'

/**
 * Takes away what a kubelet leaves on a machine: mounts, its directory, the pods' logs and cgroups. Kubelet and containers must
 * have ended. Doing it again does nothing.
 */
export async function cleanUpNode(
  options: Pick<KubeletOptions, 'dirs' | 'cgroups'> & { logger: Logger },
): Promise<void> {
  await unmountBelow(options.dirs.root)
  rmSync(options.dirs.root, { recursive: true, force: true })
  if (options.dirs.logs !== undefined) rmSync(options.dirs.logs, { recursive: true, force: true })
  createCgroups({ ...options.cgroups, logger: options.logger }).removeAll()
}
