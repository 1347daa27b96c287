import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatDuration, humanDuration, parseDuration, parseDurationNanoseconds } from './duration.ts'
import { canonicalMicroTime, canonicalTime, formatMicroTime, formatTime, parseTime } from './time.ts'

test('times have whole seconds or six digits', () => {
  const moment = Date.UTC(2026, 10, 21, 3, 8, 14, 123)
  assert.equal(formatTime(moment), '2026-11-21T03:08:14Z')
  assert.equal(formatMicroTime(moment), '2026-11-21T03:08:14.123000Z')
  assert.equal(formatTime(-1), '1969-12-31T23:59:59Z')
})

test('times in any zone become UTC', () => {
  const cases: [text: string, seconds: string | undefined, micro: string | undefined][] = [
    ['2026-11-21T03:08:14Z', '2026-11-21T03:08:14Z', '2026-11-21T03:08:14.000000Z'],
    ['2026-11-21T03:08:14.987654321+01:30', '2026-11-21T01:38:14Z', '2026-11-21T01:38:14.987654Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000Z'],
    ['2023-02-29T00:00:00Z', undefined, undefined],
    ['2026-11-21 03:08:14Z', undefined, undefined],
    ['2026-11-21T24:00:00Z', undefined, undefined],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['', undefined, undefined],
  ]
  for (const [text, seconds, micro] of cases) {
    assert.equal(canonicalTime(text), seconds, text)
    assert.equal(canonicalMicroTime(text), micro, text)
  }
  assert.equal(parseTime('1970-01-01T00:00:01.5Z'), 1500)
})

test('durations read and print as in Go', () => {
  const cases: [text: string, milliseconds: number | undefined, printed?: string][] = [
    ['0', 0, '0s'],
    ['1h2m3.5s', 3723500, '1h2m3.5s'],
    ['90m', 5400000, '1h30m0s'],
    ['-1.5h', -5400000, '-1h30m0s'],
    ['250ms', 250, '250ms'],
    ['1.5us', 0.0015, '1.5µs'],
    ['10ns', 0.00001, '10ns'],
    ['.5s', 500, '500ms'],
    ['5', undefined],
    ['', undefined],
    ['s', undefined],
    ['1x', undefined],
    ['10000000h', undefined],
  ]
  for (const [text, milliseconds, printed] of cases) {
    assert.equal(parseDuration(text), milliseconds, text)
    if (milliseconds !== undefined) assert.equal(formatDuration(milliseconds), printed, text)
  }
  assert.equal(parseDurationNanoseconds('2562047h47m16.854775807s'), 2n ** 63n - 1n)
})

test('ages have two or three figures', () => {
  const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000]
  const cases: [milliseconds: number, text: string][] = [
    [-5 * second, '<invalid>'],
    [-1 * second, '0s'],
    [0, '0s'],
    [119 * second, '119s'],
    [120 * second, '2m'],
    [5 * minute + 10 * second, '5m10s'],
    [10 * minute + 10 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [7 * hour + 59 * minute, '7h59m'],
    [47 * hour, '47h'],
    [5 * day + 3 * hour, '5d3h'],
    [8 * day + 3 * hour, '8d'],
    [729 * day, '729d'],
    [2 * 365 * day + 35 * day, '2y35d'],
    [9 * 365 * day + 35 * day, '9y'],
  ]
  for (const [milliseconds, text] of cases) assert.equal(humanDuration(milliseconds), text)
})
