import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGoBool } from './go-bool.ts'

type Row = readonly [text: string, value: boolean | undefined]

const rows: readonly Row[] = [
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map(text => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map(text => [text, false] as const),
  ...['', 'tRUE', 'yes', 'on', '2', ' true'].map(text => [text, undefined] as const),
]

for (const [text, value] of rows)
  test(`"${text}" is ${value ?? 'no boolean'}`, () => {
    assert.equal(parseGoBool(text), value)
  })
