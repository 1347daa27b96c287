import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { goQuote } from './go-quote.ts'

describe('texts as Go quotes them', () => {
  const rows: readonly [text: string, quoted: string][] = [
    ['plain ü', '"plain ü"'],
    ['"\\', '"\\"\\\\"'],
    ['\n\t\b\f\r', '"\\n\\t\\b\\f\\r"'],
    ['\u0000\u0001\u001f', '"\\x00\\x01\\x1f"'],
    ['\u0007\u000b', '"\\a\\v"'],
    ['\u007f\u0085\u00a0\u00ad', '"\\x7f\\u0085\\u00a0\\u00ad"'],
    ['\\u0001', '"\\\\u0001"'],
  ]
  for (const [text, quoted] of rows) it(quoted, () => assert.equal(goQuote(text), quoted))
})
