import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { SimulatedClock } from '@canopus/base'
import type { Profiler } from '@canopus/platform'
import { type ProfilingOptions, serveProfiling } from './profiling.ts'

const stack = (value: number) => ({ frames: [{ name: 'inner', url: 'a.js', line: 3 }], values: [value] })
const profiler: Profiler = {
  cpu: async milliseconds => ({
    stacks: [{ frames: stack(0).frames, values: [2, 9_000_000] }],
    period: 5_000_000,
    durationNanoseconds: milliseconds * 1e6,
  }),
  heap: async () => [stack(4096)],
  collectGarbage: async () => {},
  close: () => {},
}

async function ask(path: string, method = 'GET', body = '', more: Partial<ProfilingOptions> = {}) {
  const levels: number[] = []
  const options = { clock: new SimulatedClock(), profiler, setVerbosity: (v: number) => void levels.push(v), ...more }
  const [target = '', query = ''] = path.split('?')
  const request = { method, path: target, query, body: () => Buffer.from(body) }
  const answer = await serveProfiling(options, request)
  const bytes = answer?.body as Uint8Array | undefined
  return { status: answer?.status, headers: answer?.headers, bytes, text: Buffer.from(bytes ?? []).toString(), levels }
}

describe('/debug/pprof', () => {
  const table: readonly [path: string, status: number | undefined, text: RegExp][] = [
    ['/debug/pprof', 302, /href="\/debug\/pprof\/">Found/],
    ['/debug/pprof/', 200, /<td>1<\/td><td><a href='heap\?debug=1'>heap/],
    ['/debug/pprof/heap?debug=1', 200, /^heap profile: total 1\n4096 @\n#\tinner\ta.js:3\n/],
    ['/debug/pprof/heap?seconds=x', 400, /^invalid value for "seconds" - must be a positive integer\n$/],
    ['/debug/pprof/heap?seconds=1&debug=1', 400, /^seconds and debug params are incompatible\n$/],
    ['/debug/pprof/goroutine?debug=1', 200, /^goroutine profile: total 0\n$/],
    ['/debug/pprof/symbol', 200, /^num_symbols: 1\n$/],
    ['/debug/pprof/trace', 500, /^Could not enable tracing: /],
    ['/debug/pprof/cmdline', 404, /^Unknown profile\n$/],
    ['/debug/pprof/constructor', 404, /^Unknown profile\n$/],
    ['/debug/flags', 200, /<tr>v<br>/],
    ['/debug/flags/v', 406, /^unsupported http method\n$/],
    ['/debug/other', undefined, /^$/],
  ]
  for (const [path, status, text] of table)
    it(`${path}: ${status}`, async () => {
      const answer = await ask(path)
      assert.equal(answer.status, status)
      assert.match(answer.text, text)
    })

  it('says what was seen as pprof reads it', async () => {
    const { bytes, headers } = await ask('/debug/pprof/profile?seconds=2')
    assert.equal(headers?.['content-disposition'], 'attachment; filename="profile"')
    const text = gunzipSync(bytes!).toString('latin1')
    for (const word of ['samples', 'count', 'cpu', 'nanoseconds', 'inner', 'a.js']) assert.ok(text.includes(word), word)
    // Sample 2: location 1; values 2 and 9,000,000 as varints.
    assert.ok(text.includes('\x12\x0a\x0a\x01\x01\x12\x05\x02\xc0\xa8\xa5\x04'), JSON.stringify(text))
  })

  it('tells the words of the command line where it may', async () => {
    const { text } = await ask('/debug/pprof/cmdline', 'GET', '', { commandLine: ['canopus', 'apiserver'] })
    assert.equal(text, 'canopus\0apiserver')
  })

  const levels: readonly [word: string, status: number, text: string, set: number[]][] = [
    ['5', 200, 'successfully set klog.logging.verbosity to 5\n', [5]],
    ['', 400, 'strconv.ParseUint: parsing "": invalid syntax\n', []],
    ['99999999999', 400, 'strconv.ParseUint: parsing "99999999999": value out of range\n', []],
  ]
  for (const [word, status, text, set] of levels)
    it(`level ${JSON.stringify(word)}: ${status}`, async () => {
      const answer = await ask('/debug/flags/v', 'PUT', word)
      assert.deepEqual([answer.status, answer.text, answer.levels], [status, text, set])
    })
})
