import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { RunOptions } from '@canopus/platform'
import { HttpError } from './http-error.ts'
import { type NodeLogs, serveNodeLogs } from './node-logs.ts'

const UNIT = /--unit=(\S+)/
const directory = mkdtempSync(join(tmpdir(), 'node-logs-'))
let answersQueries = true
let asked: readonly string[] = []

/** A journal that knows one service. */
async function run(_: string, args: readonly string[], { onOutput }: RunOptions = {}) {
  if (args[0] === '--field') return { code: 0, stdout: 'kubelet.service\n', stderr: '' }
  asked = args
  onOutput?.(`of ${UNIT.exec(args.join(' '))![1]}\n`)
  return { code: 0, stdout: '', stderr: '' }
}

let server: Server
let origin: string
before(async () => {
  mkdirSync(join(directory, 'nested'))
  mkdirSync(join(directory, 'sub'))
  writeFileSync(join(directory, 'plain.log'), 'plain text\n')
  writeFileSync(join(directory, 'nested', 'nested.log'), 'nested text\n')
  writeFileSync(join(directory, 'sub', 'one.log'), 'one\n')
  symlinkSync('/etc/hostname', join(directory, 'sub', 'out'))
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://node')
    const logs: NodeLogs = { directory, answersQueries, run }
    serveNodeLogs(logs, url.pathname.slice('/logs/'.length), url.searchParams, response).catch((error: unknown) => {
      assert.ok(error instanceof HttpError, String(error))
      response.writeHead(error.status).end(error.message)
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  await new Promise(done => server.close(done))
  rmSync(directory, { recursive: true })
})

const get = async (path: string): Promise<[number, string]> => {
  const response = await fetch(`${origin}/logs/${path}`)
  return [response.status, await response.text()]
}

const LONG = 'a'.repeat(257)
const EARLY = '2026-01-01T00:00:00Z'
const LATE = '2026-01-02T03:04:05.5Z'

describe('logs of a node', () => {
  const table: [path: string, status: number, text: string][] = [
    ['plain.log', 200, 'plain text\n'],
    ['nothing', 404, '404 page not found\n'],
    ['sub/out', 403, 'forbidden'],
    ['?query=kubelet', 200, 'of kubelet\n'],
    ['?query=plain', 200, 'plain text\n'],
    ['?query=plain.log', 200, 'plain text\n'],
    ['?query=nested', 200, 'nested text\n'],
    ['?query=unknown', 200, '\nlog not found for unknown\n'],
    ['?query=kubelet&query=plain', 200, 'of kubelet\nplain text\n'],
    [
      '?query=plain&tailLines=1',
      200,
      '\noptions present and query resolved to log files for [plain]\ntry without specifying options\n',
    ],
    ['?query=sub/one.log', 200, 'one\n'],
    ['?query=', 400, 'query: Invalid value: [""]: may not be empty\n'],
    ['?query=%20', 400, 'query: Invalid value: [" "]: may not be empty\n'],
    ['?query=kubelet&sinceTime=now', 400, 'sinceTime: Invalid value: "now": invalid time format\n'],
    [
      '?query=kubelet&untilTime=now&boot=x',
      400,
      '[untilTime: Invalid value: "now": invalid time format, boot: Invalid value: "x": strconv.Atoi: parsing "x": invalid syntax]\n',
    ],
    [
      '?tailLines=99999999999999999999',
      400,
      'tailLines: Invalid value: "99999999999999999999": strconv.Atoi: parsing "99999999999999999999": value out of range\n',
    ],
    ['plain.log?query=kubelet', 406, 'path not allowed in query mode\n'],
    ['?tailLines=1', 406, 'query: Required value: cannot be empty with options\n'],
    ['?query=a%20b', 406, 'query: Invalid value: "a b": input contains unsupported characters\n'],
    [`?query=${LONG}`, 406, `query: Invalid value: "${LONG}": length must be less than 256\n`],
    ['?query=a&query=b&query=c&query=d&query=e', 406, 'query: Too many: 5: must have at most 4 items\n'],
    ['?query=a&query=b/c', 406, 'query: Invalid value: "[b/c], [a]": cannot specify a file and service\n'],
    ['?query=a/b&query=b/c', 406, 'query: Invalid value: ["a/b","b/c"]: cannot specify more than one file\n'],
    ['?query=a/b&boot=0', 406, 'query: Invalid value: ["a/b"]: cannot specify file with options\n'],
    ['?query=a/b', 406, 'query: Invalid value: ["a/b"]: statat a/b: no such file or directory\n'],
    ['?query=/plain.log', 406, 'query: Invalid value: ["/plain.log"]: statat /plain.log: path escapes from parent\n'],
    ['?query=sub/out', 406, 'query: Invalid value: ["sub/out"]: statat sub/out: path escapes from parent\n'],
    ['?query=kubelet&boot=1', 406, 'boot: Invalid value: 1: must be less than 1\n'],
    [
      '?query=kubelet&tailLines=100001',
      406,
      'tailLines: Invalid value: 100001: must be between 0 and 100000, inclusive\n',
    ],
    [
      `?query=kubelet&sinceTime=${LATE}&untilTime=${EARLY}`,
      406,
      'untilTime: Invalid value: 2026-01-01 00:00:00 +0000 UTC: must be after `sinceTime`\n',
    ],
  ]
  for (const [path, status, text] of table) {
    test(path, async () => assert.deepEqual(await get(path), [status, text]))
  }

  test('the journal is asked as it should be', async () => {
    const more = `sinceTime=${EARLY}&untilTime=${LATE}&tailLines=5&boot=-1&pattern=a.*b`
    assert.deepEqual(await get(`?query=kubelet&${more}`), [200, 'of kubelet\n'])
    assert.deepEqual(asked.slice(3), [
      '--since=2026-01-01 00:00:00',
      '--until=2026-01-02 03:04:05',
      '--pager-end',
      '--lines=5',
      '--unit=kubelet',
      '--grep=a.*b',
      '--boot',
      '-1',
    ])
  })

  test('where queries are not answered they mean nothing', async () => {
    answersQueries = false
    try {
      const [status, text] = await get('?query=kubelet')
      assert.equal(status, 200)
      assert.match(text, /<a href="plain.log">plain.log<\/a>/)
    } finally {
      answersQueries = true
    }
  })
})
