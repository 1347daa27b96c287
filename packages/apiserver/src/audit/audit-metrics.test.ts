import assert from 'node:assert/strict'
import { it } from 'node:test'
import { MetricsRegistry, SimulatedClock, silentLogger } from '@canopus/base'
import { startMemoryServer } from '../testing/memory-server.ts'
import { AuditMetrics } from './audit-metrics.ts'
import { Auditor } from './auditor.ts'
import { BufferedBackend } from './buffered-backend.ts'
import { LogBackend } from './log-backend.ts'

it('figures of audit: events, levels, what was lost and what was refused for it', async () => {
  const registry = new MetricsRegistry()
  const metrics = new AuditMetrics(registry)
  const clock = new SimulatedClock()
  const full = { write: () => Promise.reject(new Error('the disk is full')), close: async () => {} }
  const log = new LogBackend(full, 'json', silentLogger, metrics)
  const options = { bufferSize: 1, maxSize: 100, maxWait: 1e9, concurrent: false }
  const kept = { process: () => true, close: async () => {} }
  const buffered = new BufferedBackend(kept, options, clock, silentLogger, metrics)
  const policy = {
    rules: [{ level: 'None' as const, verbs: ['list'] }, { level: 'Metadata' as const }],
  }
  const auditor = new Auditor(policy, [log, buffered], clock, metrics)
  const server = await startMemoryServer({ auditor })
  try {
    assert.equal((await server.send('GET', '/api/v1/nodes')).status, 200)
    assert.equal((await server.send('GET', '/api/v1/nodes/one')).status, 500)
  } finally {
    await server.stop()
  }
  const lines = registry
    .text()
    .split('\n')
    .filter(line => line.startsWith('apiserver_audit'))
  assert.deepEqual(lines, [
    'apiserver_audit_error_total{plugin="log"} 2',
    'apiserver_audit_error_total{plugin="buffered"} 1',
    'apiserver_audit_event_total 2',
    'apiserver_audit_level_total{level="None"} 1',
    'apiserver_audit_level_total{level="Metadata"} 1',
    'apiserver_audit_requests_rejected_total 1',
  ])
})
