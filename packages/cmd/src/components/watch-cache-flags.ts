/**
 * Whether clients may be shown what a cache has (k8s.io/apiserver/pkg/server/options/etcd.go). There is one of every resource
 * anyway, from which all is read; without the permission, clients see what is stored, and pages where they ask for them.
 */

import { Failure } from '@canopus/cli'
import type { StartApiServerOptions } from '@canopus/control-plane'
import type { Command } from 'commander'
import { bool, list } from '../flags.ts'

export interface WatchCacheFlags {
  watchCache: boolean
  watchCacheSizes: string[]
}

export function addWatchCacheFlags(command: Command): void {
  command
    .option('--watch-cache [bool]', 'let clients be shown what is cached, where they do not mind', bool, true)
    .option('--watch-cache-sizes <resource#size>', 'resources, such as pods#0, of which 0 means the opposite', list, [])
}

/** Throws `Failure` in upstream's words where a flag is wrong. */
export function watchCacheOptions({
  watchCache,
  watchCacheSizes,
}: WatchCacheFlags): Pick<StartApiServerOptions, 'isCached' | 'consistencyCheckPeriod'> {
  // Nothing is compared where nobody sees it.
  if (!watchCache) return { isCached: () => false, consistencyCheckPeriod: undefined }
  const sizes = new Map(watchCacheSizes.map(sizeOf))
  if (sizes.size === 0) return {}
  return { isCached: ({ group, plural }) => sizes.get(`${plural}.${group}`) !== 0 }
}

/** `resource.group` with the dot also where the group has no name, and the size. */
function sizeOf(text: string): [resource: string, size: number] {
  const [name = '', size, ...more] = text.split('#')
  if (size === undefined || more.length > 0) throw new Failure(`invalid value of watch cache size: ${text}`)
  if (!/^[+-]?\d+$/.test(size)) throw new Failure(`invalid size of watch cache size: ${text}`)
  if (Number(size) < 0) throw new Failure(`watch cache size cannot be negative: ${text}`)
  return [name.includes('.') ? name : `${name}.`, Number(size)]
}
