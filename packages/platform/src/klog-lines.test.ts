import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { klogLine, type LogEntry } from './klog-lines.ts'

describe('lines as klog writes them', () => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 67)
  const cases: [name: string, entry: Omit<LogEntry, 'at'>, line: string][] = [
    [
      'a message alone',
      { level: 'info', message: 'ready', facts: {} },
      'I0102 03:04:05.067000      42 ???:1] "ready"\n',
    ],
    [
      'facts: texts quoted, others as JSON, those without a value left out',
      { level: 'debug', message: 'a "b"', facts: { pod: 'ns/a', n: 3, list: ['x'], none: undefined } },
      'I0102 03:04:05.067000      42 ???:1] "a \\"b\\"" pod="ns/a" n=3 list=["x"]\n',
    ],
    [
      'an error comes first, with what it was caused by',
      { level: 'error', message: 'lost', facts: { node: 'n', error: new Error('no', { cause: new Error('why') }) } },
      'E0102 03:04:05.067000      42 ???:1] "lost" err="no: why" node="n"\n',
    ],
    [
      'a text of several lines',
      { level: 'warn', message: 'said', facts: { output: 'one\ntwo\n', n: 1 } },
      'W0102 03:04:05.067000      42 ???:1] "said" output=<\n\tone\n\ttwo\n > n=1\n',
    ],
  ]
  for (const [name, entry, line] of cases) it(name, () => assert.equal(klogLine({ ...entry, at }, 42), line))
})
