import assert from 'node:assert/strict'
import { it } from 'node:test'
import { exponentialBuckets, MetricsRegistry } from './metrics.ts'

it('writes families and labels in the order of their names, with escaped values', () => {
  const registry = new MetricsRegistry()
  const requests = registry.counter('requests_total', 'Requests.', ['verb', 'path'])
  registry.counter('nothing_total', 'A family without children is not written.')
  requests.with('GET', 'a"b\\c\nd').add()
  requests.with('GET', 'a"b\\c\nd').add(2)
  registry.gauge('load', 'How much.').with().set(0.5)
  registry.collect('gauge', 'age', 'Looked up.', ['of'], () => [[['me'], Number.POSITIVE_INFINITY]])
  assert.equal(
    registry.text(),
    [
      '# HELP age Looked up.',
      '# TYPE age gauge',
      'age{of="me"} +Inf',
      '# HELP load How much.',
      '# TYPE load gauge',
      'load 0.5',
      '# HELP requests_total Requests.',
      '# TYPE requests_total counter',
      'requests_total{path="a\\"b\\\\c\\nd",verb="GET"} 3',
      '',
    ].join('\n'),
  )
})

it('counts a value on a bound below it, and sums buckets up', () => {
  const registry = new MetricsRegistry()
  const took = registry.histogram('took_seconds', 'Time.', ['what'], exponentialBuckets(1, 10, 2)).with('x')
  for (const value of [0.5, 1, 2, 11]) took.observe(value)
  assert.equal(
    registry.text(),
    [
      '# HELP took_seconds Time.',
      '# TYPE took_seconds histogram',
      'took_seconds_bucket{what="x",le="1"} 2',
      'took_seconds_bucket{what="x",le="10"} 3',
      'took_seconds_bucket{what="x",le="+Inf"} 4',
      'took_seconds_sum{what="x"} 14.5',
      'took_seconds_count{what="x"} 4',
      '',
    ].join('\n'),
  )
})

it('refuses a second family of one name', () => {
  const registry = new MetricsRegistry()
  registry.counter('x', '')
  assert.throws(() => registry.gauge('x', ''), /already/)
})
