import assert from 'node:assert/strict'
import { it } from 'node:test'
import { exponentialBuckets, Histogram, MetricsRegistry, SummarizedHistogram } from './metrics.ts'

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

it('resets what has labels, and counters', () => {
  const registry = new MetricsRegistry()
  const held = registry.counter('held_total', '', ['a']).with('x')
  const again = registry.counter('again_total', '', ['a'])
  const took = registry.histogram('took_seconds', '', ['a'], [1])
  const level = registry.gauge('level', '', ['a'])
  const plain = registry.counter('plain_total', '').with()
  registry.gauge('plain_level', '').with().set(4)
  registry.histogram('plain_seconds', '', [], [1]).with().observe(1)
  registry.collect('counter', 'known_total', '', ['a'], () => [[['x'], 9]])
  again.with('x').add(3)
  took.with('x').observe(0.5)
  level.with('x').set(7)
  for (const counter of [held, plain]) counter.add(2)
  const lines = (): string[] =>
    registry
      .text()
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#') && !line.includes('_seconds_bucket'))
  const stay = ['known_total{a="x"} 9', 'plain_level 4', 'plain_seconds_sum 1', 'plain_seconds_count 1']
  registry.reset()
  assert.deepEqual(lines(), [...stay, 'plain_total 0'])
  for (const counter of [held, plain]) counter.add()
  took.with('x').observe(2)
  level.with('x').set(0)
  again.with('y').add()
  assert.deepEqual(lines(), [
    'again_total{a="y"} 1',
    'held_total{a="x"} 1',
    'known_total{a="x"} 9',
    'level{a="x"} 0',
    ...stay.slice(1),
    'plain_total 1',
    'took_seconds_sum{a="x"} 2',
    'took_seconds_count{a="x"} 1',
  ])
})

it('tells label values beyond those that are allowed as one, and nothing of what is disabled', () => {
  const allowed = new Map([
    ['counted_total', new Map([['a', new Set(['x'])]])],
    ['known_total', new Map([['b', new Set(['x', 'y'])]])],
    ['took_seconds', new Map([['a', new Set<string>()]])],
  ])
  const registry = new MetricsRegistry({ allowed, disabled: new Set(['hushed_total', 'none']) })
  const counted = registry.counter('counted_total', '', ['a', 'b'])
  for (const a of ['x', 'y', 'z', '']) counted.with(a, 'free').add()
  registry.collect('counter', 'known_total', '', ['a', 'b'], () => [
    [['1', 'x'], 1],
    [['1', 'z'], 2],
    [['1', ''], 3],
    [['2', 'z'], 4],
  ])
  const took = new Histogram([1])
  took.observe(0.5)
  registry.collect('histogram', 'took_seconds', '', ['a'], () => [
    [['x'], took],
    [['y'], took],
  ])
  registry.counter('hushed_total', '').with().add()
  assert.deepEqual(
    registry
      .text()
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#')),
    [
      'counted_total{a="x",b="free"} 1',
      'counted_total{a="unexpected",b="free"} 3',
      'known_total{a="1",b="x"} 1',
      'known_total{a="1",b="unexpected"} 5',
      'known_total{a="2",b="unexpected"} 4',
      'took_seconds_bucket{a="unexpected",le="1"} 2',
      'took_seconds_bucket{a="unexpected",le="+Inf"} 2',
      'took_seconds_sum{a="unexpected"} 1',
      'took_seconds_count{a="unexpected"} 2',
    ],
  )
  assert.equal(registry.unexpected, 14)
  assert.deepEqual(registry.disabled, { names: 2, families: 1 })
})

it('writes very large and very small numbers as Go does', () => {
  const registry = new MetricsRegistry()
  const gauge = registry.gauge('a', 'A.', ['i'])
  const values = [0, 1e6, 999_999, 1_234_567, 5e-7, 0.0001, -2e-5, Number.POSITIVE_INFINITY]
  for (const [index, value] of values.entries()) gauge.with(String(index)).set(value)
  const written = registry
    .text()
    .split('\n')
    .filter(line => line.startsWith('a{'))
    .map(line => line.split(' ')[1])
  assert.deepEqual(written, ['0', '1e+06', '999999', '1.234567e+06', '5e-07', '0.0001', '-2e-05', '+Inf'])
})

it('a summary tells what is usual and what is rare, of the newest values', () => {
  const registry = new MetricsRegistry()
  const histogram = new SummarizedHistogram([1])
  registry.collect('summary', 'took', 'How long.', ['what'], () => [[['a'], histogram.summary]])
  assert.match(registry.text(), /^took\{what="a",quantile="0\.5"\} NaN$/m)
  for (let value = 1; value <= 1000; value++) histogram.observe(value)
  const lines = registry.text().split('\n').slice(1)
  assert.deepEqual(lines, [
    '# TYPE took summary',
    'took{what="a",quantile="0.5"} 750',
    'took{what="a",quantile="0.9"} 950',
    'took{what="a",quantile="0.99"} 995',
    'took_sum{what="a"} 500500',
    'took_count{what="a"} 1000',
    '',
  ])
  histogram.reset()
  assert.equal(histogram.summary.count + histogram.count, 0)
})
