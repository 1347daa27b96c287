import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { watchCacheOptions } from './watch-cache-flags.ts'

describe('what clients may be shown of a cache', () => {
  const pods = { group: '', plural: 'pods' }
  const deployments = { group: 'apps', plural: 'deployments' }
  const rows: readonly [watchCache: boolean, sizes: string[], pods: boolean, deployments: boolean][] = [
    [true, [], true, true],
    [false, [], false, false],
    [false, ['pods#100'], false, false],
    [true, ['pods#0'], false, true],
    [true, ['pods#100', 'deployments.apps#0'], true, false],
    [true, ['deployments#0'], true, true],
  ]
  for (const [watchCache, watchCacheSizes, ofPods, ofDeployments] of rows) {
    it(`--watch-cache=${watchCache} --watch-cache-sizes=${watchCacheSizes}`, () => {
      const { isCached = () => true } = watchCacheOptions({ watchCache, watchCacheSizes })
      assert.deepEqual([isCached(pods), isCached(deployments)], [ofPods, ofDeployments])
    })
  }

  const wrong: readonly [text: string, message: string][] = [
    ['pods', 'invalid value of watch cache size: pods'],
    ['pods#1#2', 'invalid value of watch cache size: pods#1#2'],
    ['pods#x', 'invalid size of watch cache size: pods#x'],
    ['pods#-1', 'watch cache size cannot be negative: pods#-1'],
  ]
  for (const [text, message] of wrong) {
    it(text, () => assert.throws(() => watchCacheOptions({ watchCache: true, watchCacheSizes: [text] }), { message }))
  }
})
