import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Jobs, Pods } from '@canopus/api'
import type { KubeObject } from '@canopus/apimachinery'
import { MetricsRegistry } from '@canopus/base'
import { OwnWrites, StaleCacheError } from './own-writes.ts'

const written = (resourceVersion: string) => ({ metadata: { name: 'x', uid: 'u', resourceVersion } }) as KubeObject

function someWrites() {
  const seen = { jobs: '5' as string | undefined, pods: '5' as string | undefined }
  const registry = new MetricsRegistry()
  const informers = [
    {
      type: Jobs,
      get resourceVersion() {
        return seen.jobs
      },
    },
    {
      type: Pods,
      get resourceVersion() {
        return seen.pods
      },
    },
  ]
  const writes = new OwnWrites(informers, registry.counter('skips_total', 'help', ['group', 'resource']))
  return { seen, registry, writes }
}

const rows: readonly [what: string, jobs: string | undefined, pods: string | undefined, stale: string | undefined][] = [
  ['all seen', '9', '10', undefined],
  ['newer than what was written', '100', '100', undefined],
  ['versions are numbers, not texts', '9', '9', 'written version: 10 for group resource pods'],
  ['what was written itself', '8', '10', 'written version: 9 for group resource jobs.batch'],
  ['no list yet', undefined, undefined, undefined],
]
for (const [what, jobs, pods, stale] of rows) {
  test(`own writes: ${what}`, () => {
    const { seen, writes, registry } = someWrites()
    writes.wrote('default/j', Jobs, written('9'))
    writes.wrote('default/j', Pods, written('10'))
    writes.wrote('default/j', Pods, written('7'))
    Object.assign(seen, { jobs, pods })
    if (stale === undefined) return assert.doesNotThrow(() => writes.ensureSeen('default/j'))
    assert.throws(
      () => writes.ensureSeen('default/j'),
      (error: unknown) => error instanceof StaleCacheError && error.message.endsWith(stale),
    )
    assert.match(
      registry.text(),
      stale.includes('jobs') ? /skips_total\{group="batch",resource="jobs"\} 1/ : /"pods"\} 1/,
    )
  })
}

test('own writes: what was seen once is forgotten; others have nothing to wait for', () => {
  const { seen, writes } = someWrites()
  writes.wrote('default/j', Jobs, written('6'))
  assert.throws(() => writes.ensureSeen('default/j'), StaleCacheError)
  assert.doesNotThrow(() => writes.ensureSeen('default/other'))
  seen.jobs = '6'
  writes.ensureSeen('default/j')
  seen.jobs = '1'
  assert.doesNotThrow(() => writes.ensureSeen('default/j'))
})
