import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { SimulatedClock, silentLogger } from '@canopus/base'
import type { Transport } from '@canopus/client'
import { systemClock, systemRandom } from '@canopus/platform'
import type { AuditBackend } from './auditor.ts'
import { type BatchOptions, BufferedBackend, inMode } from './buffered-backend.ts'
import { type AuditEvent, legacyLine } from './event.ts'
import { LogBackend } from './log-backend.ts'
import { openRotatingFile } from './rotating-file.ts'
import { TruncatingBackend } from './truncating-backend.ts'
import { WebhookBackend } from './webhook-backend.ts'

const event = (auditID: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'Metadata',
  auditID,
  stage: 'ResponseComplete',
  requestURI: '/api/v1/pods?limit=1',
  verb: 'list',
  user: { username: 'u', groups: ['a', 'b'] },
  sourceIPs: ['10.0.0.1'],
  userAgent: 'x"y',
  requestReceivedTimestamp: '2026-01-02T03:04:05.120000Z',
  stageTimestamp: '2026-01-02T03:04:05.130000Z',
  ...more,
})

class Collector implements AuditBackend {
  readonly batches: string[][] = []
  keeps = true

  process(events: readonly AuditEvent[]): boolean {
    this.batches.push(events.map(({ auditID }) => auditID))
    return this.keeps
  }

  async close(): Promise<void> {}
}

const lost: unknown[] = []
const logger = {
  ...silentLogger,
  error: (_: string, facts?: Readonly<Record<string, unknown>>) => void lost.push(facts),
}

const directories: string[] = []
afterEach(() => {
  for (const each of directories.splice(0)) rmSync(each, { recursive: true })
  lost.length = 0
})

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'canopus-audit-'))
  directories.push(made)
  return made
}

describe('the log', () => {
  test('in the format legacy is a line of text for each event', () => {
    assert.equal(
      legacyLine(event('1', { responseStatus: { code: 200 }, impersonatedUser: { username: 'o', groups: ['g'] } })),
      '2026-01-02T03:04:05.12Z AUDIT: id="1" stage="ResponseComplete" ip="10.0.0.1" method="list" user="u" groups="\\"a\\",\\"b\\"" as="o" asgroups="\\"g\\"" user-agent="x\\"y" namespace="<none>" uri="/api/v1/pods?limit=1" response="200"',
    )
  })

  test('is kept in the order of events, in a file that only its owner reads', async () => {
    const path = join(directory(), 'deep', 'audit.log')
    const sink = await openRotatingFile({ path, maxBytes: 0, maxBackups: 0, maxAgeDays: 0, clock: systemClock, logger })
    const backend = new LogBackend(sink, 'json', logger)
    await Promise.all(['1', '2', '3'].map(id => backend.process([event(id)])))
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    assert.deepEqual(
      lines.map(line => (JSON.parse(line) as AuditEvent).auditID),
      ['1', '2', '3'],
    )
    assert.equal(statSync(path).mode & 0o777, 0o600)
    await backend.close()
  })

  test('is put aside when full; old files are compressed, and the oldest go', async () => {
    const clock = new SimulatedClock({ start: Date.parse('2026-01-01T00:00:00Z') })
    const path = join(directory(), 'audit.log')
    const options = { path, maxBytes: 10, maxBackups: 2, maxAgeDays: 0, compress: true, clock, logger }
    const sink = await openRotatingFile(options)
    for (const text of ['first\n', 'second\n', 'third\n', 'fourth\n']) {
      await sink.write(text)
      await clock.advance(1000)
    }
    await sink.close()
    assert.equal(readFileSync(path, 'utf8'), 'fourth\n')
    const old = readdirSync(join(path, '..')).filter(name => name !== 'audit.log')
    assert.deepEqual(old.sort(), ['audit-2026-01-01T00-00-02.000.log.gz', 'audit-2026-01-01T00-00-03.000.log.gz'])
    assert.equal(gunzipSync(readFileSync(join(path, '..', old[0]!))).toString(), 'second\n')
  })

  test('forgets files by their age', async () => {
    const clock = new SimulatedClock({ start: Date.parse('2026-01-01T00:00:00Z') })
    const path = join(directory(), 'audit.log')
    const sink = await openRotatingFile({ path, maxBytes: 10, maxBackups: 0, maxAgeDays: 1, clock, logger })
    for (const text of ['first\n', 'second\n', 'third\n']) {
      await sink.write(text)
      await clock.advance(25 * 60 * 60 * 1000)
    }
    await sink.close()
    assert.deepEqual(readdirSync(join(path, '..')).sort(), ['audit-2026-01-03T02-00-00.000.log', 'audit.log'])
  })
})

describe('modes', () => {
  const batch: BatchOptions = { bufferSize: 4, maxSize: 2, maxWait: 1000, concurrent: false }

  test('blocking forgives losses, blocking-strict does not', async () => {
    const collector = new Collector()
    collector.keeps = false
    const modes = ['blocking', 'blocking-strict'] as const
    const kept = modes.map(mode => inMode(mode, collector, batch, systemClock, logger).process([event('1')]))
    assert.deepEqual(kept, [true, false])
  })

  test('batches go out when they are full or have waited', async () => {
    const clock = new SimulatedClock()
    const collector = new Collector()
    const backend = new BufferedBackend(collector, batch, clock, logger)
    backend.process([event('1')])
    await clock.advance(999)
    assert.deepEqual(collector.batches, [])
    await clock.advance(1)
    assert.deepEqual(collector.batches, [['1']])
    backend.process([event('2'), event('3'), event('4')])
    await clock.advance(0)
    assert.deepEqual(collector.batches.slice(1), [['2', '3']])
    await backend.close()
    assert.deepEqual(collector.batches.slice(2), [['4']])
  })

  test('what does not fit into the buffer is lost, and that is said', () => {
    const backend = new BufferedBackend(new Collector(), { ...batch, maxSize: 100 }, new SimulatedClock(), logger)
    assert.equal(backend.process(['1', '2', '3', '4', '5', '6'].map(id => event(id))), true)
    assert.deepEqual(lost, [{ plugin: 'buffered', count: 2, error: 'audit buffer queue blocked' }])
  })

  test('batches are throttled', async () => {
    const clock = new SimulatedClock()
    const collector = new Collector()
    const throttle = { qps: 1, burst: 2 }
    const backend = new BufferedBackend(collector, { ...batch, bufferSize: 9, maxSize: 1, throttle }, clock, logger)
    backend.process(['1', '2', '3', '4'].map(id => event(id)))
    await clock.advance(0)
    assert.deepEqual(collector.batches, [['1'], ['2']])
    await clock.advance(1000)
    assert.deepEqual(collector.batches.slice(2), [['3']])
    await clock.advance(1000)
    assert.deepEqual(collector.batches.slice(3), [['4']])
  })
})

test('events that are too large lose their objects, or are lost', async () => {
  const kept: AuditEvent[] = []
  const inner = { process: (events: readonly AuditEvent[]) => kept.push(...events) > 0, close: async () => {} }
  const backend = new TruncatingBackend(inner, { maxEventSize: 800, maxBatchSize: 1600 }, logger)
  const large = 'x'.repeat(2000)
  await backend.process([
    event('1'),
    event('2', { level: 'Request', requestObject: { large } }),
    event('3', { userAgent: large }),
  ])
  assert.deepEqual(
    kept.map(({ auditID, annotations, requestObject }) => [auditID, annotations, requestObject]),
    [
      ['1', undefined, undefined],
      ['2', { 'audit.k8s.io/truncated': 'true' }, undefined],
    ],
  )
  assert.equal(lost.length, 1)
})

test('the webhook is asked again until it takes the events, five times at most', async () => {
  const clock = new SimulatedClock()
  const bodies: { kind: string; items: AuditEvent[] }[] = []
  let failures = 2
  const transport: Transport = {
    async send({ path, body }) {
      assert.equal(path, '/audit?timeout=30s')
      bodies.push(JSON.parse(Buffer.from(body!).toString()))
      const status = failures-- > 0 ? 500 : 200
      return { status, headers: {}, bytes: async () => new Uint8Array(), chunks: async function* () {} }
    },
  }
  const options = { transport, path: '/audit', initialBackoff: 10_000, clock, random: systemRandom, logger }
  const backend = new WebhookBackend(options)
  const done = backend.process([event('1'), event('2')])
  await clock.advance(60_000)
  assert.equal(await done, true)
  assert.equal(bodies.length, 3)
  assert.deepEqual([bodies[0]!.kind, bodies[0]!.items.length], ['EventList', 2])
  failures = 100
  const failed = backend.process([event('3')])
  await clock.advance(600_000)
  assert.equal(await failed, false)
  assert.equal(bodies.length, 8)
})
