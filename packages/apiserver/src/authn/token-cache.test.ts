import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MetricsRegistry, SimulatedClock } from '@canopus/base'
import type { Authentication } from '../security.ts'
import { cachedTokens } from './token-cache.ts'
import { tokenCacheMetrics } from './token-cache-metrics.ts'

it('remembered tokens are told of: found or not, how often somebody was asked, who waits', async () => {
  const clock = new SimulatedClock()
  const registry = new MetricsRegistry()
  const waiting: ((answer: Authentication | Error) => void)[] = []
  const inner = {
    authenticateToken: () =>
      new Promise<Authentication>((resolve, reject) =>
        waiting.push(answer => (answer instanceof Error ? reject(answer) : resolve(answer))),
      ),
  }
  const metrics = tokenCacheMetrics(registry)
  const tokens = cachedTokens(inner, { clock, success: 1000, failure: 0, metrics })
  const line = (text: string): void =>
    assert.ok(registry.text().includes(`\nauthentication_token_cache_${text}\n`), `${text}\n${registry.text()}`)
  const both = [tokens.authenticateToken('a', []), tokens.authenticateToken('a', [])]
  line('active_fetch_count{status="blocked"} 2')
  line('active_fetch_count{status="in_flight"} 1')
  waiting[0]!({ user: { name: 'jane', groups: [] } })
  await Promise.all(both)
  await tokens.authenticateToken('a', [])
  const wrong = tokens.authenticateToken('b', [])
  waiting[1]!(new Error('not today'))
  await assert.rejects(async () => wrong)
  line('active_fetch_count{status="blocked"} 0')
  line('active_fetch_count{status="in_flight"} 0')
  line('request_total{status="hit"} 1')
  line('request_total{status="miss"} 3')
  line('request_duration_seconds_count{status="hit"} 1')
  line('fetch_total{status="ok"} 1')
  line('fetch_total{status="error"} 1')
})
