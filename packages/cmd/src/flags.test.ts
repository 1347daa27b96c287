import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Failure } from '@canopus/cli'
import { InvalidArgumentError } from 'commander'
import { bool, endpoint, fileIfGiven, fileOf, given, list, lists, number, pairs, patience, required } from './flags.ts'

/** What a parser makes of a text; the message where it refuses it. */
function parsed(parse: (text: string) => unknown, text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    assert.ok(error instanceof InvalidArgumentError, String(error))
    return error.message
  }
}

const NO_NUMBER = 'not a whole number from 1 to 64.'
const noSyntax = (parser: string, text: string): string => `strconv.${parser}: parsing "${text}": invalid syntax`
const noDuration = (text: string): string => `time: invalid duration "${text}"`
const NO_PAIRS = 'not of the form key=value,key=value.'
const NO_ENDPOINT = 'not of the form 127.0.0.1:53.'

const tables: Record<string, [parse: (text: string) => unknown, cases: [text: string, expected: unknown][]]> = {
  number: [
    number(1, 64),
    [
      ['1', 1],
      ['64', 64],
      ['0', NO_NUMBER],
      ['65', NO_NUMBER],
      ['1.5', noSyntax('ParseInt', '1.5')],
      ['', noSyntax('ParseInt', '')],
      [' ', noSyntax('ParseInt', ' ')],
      ['three', noSyntax('ParseInt', 'three')],
      ['-1', NO_NUMBER],
      ['Infinity', noSyntax('ParseInt', 'Infinity')],
    ],
  ],
  list: [
    list,
    [
      ['a', ['a']],
      ['a,b', ['a', 'b']],
      ['a,,b,', ['a', 'b']],
      ['', []],
    ],
  ],
  patience: [
    patience,
    [
      ['90s', 90_000],
      ['2m', 120_000],
      ['1h30m', 5_400_000],
      ['1.5s', 1500],
      ['250ms', 250],
      ['1m250ms', 60_250],
      ['30', 30_000],
      ['0', 0],
      ['', noDuration('')],
      ['s', noDuration('s')],
      ['-5s', 'can not be a negative value'],
      ['5 s', noDuration('5 s')],
      ['5d', noDuration('5d')],
    ],
  ],
  bool: [
    bool,
    [
      ['true', true],
      ['T', true],
      ['1', true],
      ['false', false],
      ['F', false],
      ['0', false],
      ['yes', noSyntax('ParseBool', 'yes')],
      ['tRUE', noSyntax('ParseBool', 'tRUE')],
      ['', noSyntax('ParseBool', '')],
    ],
  ],
  pairs: [
    pairs,
    [
      ['a=1', { a: '1' }],
      ['a=1,b=', { a: '1', b: '' }],
      ['a=x=y', { a: 'x=y' }],
      ['', {}],
      ['a', NO_PAIRS],
      ['=1', NO_PAIRS],
      ['a=1,b', NO_PAIRS],
    ],
  ],
  endpoint: [
    endpoint,
    [
      ['127.0.0.1:53', { address: '127.0.0.1', port: 53 }],
      [':53', { address: '0.0.0.0', port: 53 }],
      ['[::1]:53', { address: '::1', port: 53 }],
      ['localhost:0', { address: 'localhost', port: 0 }],
      ['127.0.0.1', NO_ENDPOINT],
      ['127.0.0.1:65536', NO_ENDPOINT],
      ['::1:53', NO_ENDPOINT],
      ['53', NO_ENDPOINT],
    ],
  ],
}

for (const [name, [parse, cases]] of Object.entries(tables))
  describe(name, () => {
    for (const [text, expected] of cases)
      it(JSON.stringify(text), () => assert.deepEqual(parsed(parse, text), expected))
  })

describe('flags that may be repeated, be missing or name files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-flags-'))
  after(() => rmSync(directory, { recursive: true }))

  it('a list goes on where the flag is repeated', () => {
    assert.deepEqual(lists('b,c', lists('a', undefined)), ['a', 'b', 'c'])
  })

  it('what is not given has no key', () => {
    assert.deepEqual(Object.keys(given({ a: 1, b: undefined, c: false })), ['a', 'c'])
  })

  it('a flag that must be there names itself', () => {
    assert.equal(required('kubeconfig', ''), '')
    assert.throws(() => required('kubeconfig', undefined), new Failure('--kubeconfig is required'))
  })

  it('a file that cannot be read is named with its flag', () => {
    const path = join(directory, 'ca.crt')
    writeFileSync(path, 'CA')
    assert.equal(fileOf('client-ca-file', path), 'CA')
    assert.equal(fileIfGiven('client-ca-file', undefined), undefined)
    const missing = join(directory, 'missing')
    assert.throws(
      () => fileIfGiven('client-ca-file', missing),
      (error: Error) =>
        error instanceof Failure && error.message.startsWith(`--client-ca-file: ${missing} cannot be read: ENOENT`),
    )
  })
})
