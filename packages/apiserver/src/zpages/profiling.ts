/**
 * `/debug/pprof` and `/debug/flags` (net/http/pprof; k8s.io/apiserver/pkg/server/routes: profiling, flags). Time and memory are V8's;
 * of what only Go's programs have, such as goroutines, there is none.
 */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type Clock, messageOf, sleep } from '@canopus/base'
import { type CpuProfile, HEAP_SAMPLING_INTERVAL, type ProfiledStack, type Profiler } from '@canopus/platform'
import { type ApiRequest, type ApiResponse, textResponse } from '../http/message.ts'
import { type PprofProfile, pprofBytes } from './pprof-format.ts'

export interface ProfilingOptions {
  readonly clock: Clock
  readonly profiler: Profiler
  /** Sets how much is logged, as `-v` does. */
  readonly setVerbosity: (level: number) => void
  /** With which words the program was started, where it may be told: on a socket that only its owner reaches. */
  readonly commandLine?: readonly string[]
}

type Asked = Pick<ApiRequest, 'method' | 'path' | 'query' | 'body'>

/** What V8 cannot say is there without samples, so that clients go on; by what Go says of each. */
const EMPTY: ReadonlyMap<string, PprofProfile['sampleTypes']> = new Map(
  Object.entries({
    allocs: [['alloc_space', 'bytes']],
    block: [
      ['contentions', 'count'],
      ['delay', 'nanoseconds'],
    ],
    goroutine: [['goroutine', 'count']],
    mutex: [
      ['contentions', 'count'],
      ['delay', 'nanoseconds'],
    ],
    threadcreate: [['threadcreate', 'count']],
  } as const),
)

const ABOUT: readonly (readonly [name: string, about: string])[] = [
  ['allocs', 'not known of a program in JavaScript: no samples'],
  ['block', 'not known of a program in JavaScript: no samples'],
  ['cmdline', 'how the program was started; on the debug socket alone'],
  ['goroutine', 'there are none: no samples'],
  ['heap', 'memory in use, by what made it; with gc=1 after what is not used was freed, with seconds=N what was added'],
  ['mutex', 'not known of a program in JavaScript: no samples'],
  ['profile', 'where the main thread spends its time; seconds=N says for how long to look (30)'],
  ['symbol', 'names of program counters: none is known'],
  ['threadcreate', 'not known of a program in JavaScript: no samples'],
  ['trace', "Go's trace of a program: there is none"],
]

const PREFIX = '/debug/pprof/'
const compress = promisify(gzip)

/** Answers requests below `/debug/pprof` and `/debug/flags`; undefined for other paths. */
export async function serveProfiling(options: ProfilingOptions, request: Asked): Promise<ApiResponse | undefined> {
  const { path } = request
  if (path === '/debug/pprof') return redirect(PREFIX, request.method)
  if (path === '/debug/flags/v') return setVerbosity(options, request)
  if (path === '/debug/flags' || path.startsWith('/debug/flags/')) return html(FLAGS)
  if (!path.startsWith(PREFIX)) return undefined
  const name = path.slice(PREFIX.length)
  const query = new URLSearchParams(request.query)
  if (name === '') return html(await index(options))
  if (name === 'symbol') return textResponse(200, 'num_symbols: 1\n')
  if (name === 'trace') return failed(500, 'Could not enable tracing: this is no program of Go')
  if (name === 'profile') return profiled(options, query)
  if (name === 'cmdline' && options.commandLine !== undefined) return textResponse(200, options.commandLine.join('\0'))
  if (name === 'heap') return heap(options, query)
  const sampleTypes = EMPTY.get(name)
  if (sampleTypes === undefined) return failed(404, 'Unknown profile')
  return wrong(query) ?? shown(name, query, { sampleTypes, stacks: [], time: options.clock.now() })
}

async function profiled({ profiler, clock }: ProfilingOptions, query: URLSearchParams): Promise<ApiResponse> {
  const asked = integerOf(query.get('seconds'))
  const seconds = asked !== undefined && asked > 0 ? asked : 30
  let profile: CpuProfile
  try {
    profile = await profiler.cpu(seconds * 1000)
  } catch (error) {
    return failed(500, `Could not enable CPU profiling: ${messageOf(error)}`)
  }
  const { stacks, period, durationNanoseconds } = profile
  const cpu = ['cpu', 'nanoseconds'] as const
  const sampleTypes = [['samples', 'count'], cpu] as const
  return file('profile', {
    sampleTypes,
    stacks,
    period,
    periodType: cpu,
    durationNanoseconds,
    time: clock.now() - durationNanoseconds / 1e6,
  })
}

async function heap({ profiler, clock }: ProfilingOptions, query: URLSearchParams): Promise<ApiResponse> {
  const refusal = wrong(query)
  if (refusal !== undefined) return refusal
  const seconds = integerOf(query.get('seconds')) ?? 0
  if (seconds === 0 && (integerOf(query.get('gc')) ?? 0) > 0) await profiler.collectGarbage()
  const space = ['space', 'bytes'] as const
  const facts = { sampleTypes: [['inuse_space', 'bytes']], periodType: space, period: HEAP_SAMPLING_INTERVAL } as const
  const before = seconds > 0 ? await profiler.heap() : []
  const time = clock.now()
  if (seconds > 0) await sleep(clock, seconds * 1000)
  const stacks = [...(await profiler.heap()), ...before.map(negative)]
  return shown('heap', query, { ...facts, stacks, time, durationNanoseconds: seconds * 1e9 })
}

const negative = ({ frames, values }: ProfiledStack): ProfiledStack => ({ frames, values: values.map(each => -each) })

/** What Go says of a difference that cannot be made. */
function wrong(query: URLSearchParams): ApiResponse | undefined {
  const asked = query.get('seconds')
  if (asked === null || asked === '') return undefined
  if ((integerOf(asked) ?? 0) <= 0) return failed(400, 'invalid value for "seconds" - must be a positive integer')
  const debug = integerOf(query.get('debug')) ?? 0
  return debug === 0 ? undefined : failed(400, 'seconds and debug params are incompatible')
}

function shown(name: string, query: URLSearchParams, profile: PprofProfile): Promise<ApiResponse> | ApiResponse {
  const debug = integerOf(query.get('debug')) ?? 0
  if (debug === 0) return file(name, profile)
  const lines = profile.stacks.map(({ frames, values }) => {
    const places = frames.map(({ name: code, url, line }) => `#\t${code}\t${url}:${line}\n`)
    return `${values.join(' ')} @\n${places.join('')}\n`
  })
  return textResponse(200, `${name} profile: total ${profile.stacks.length}\n${lines.join('')}`)
}

async function file(name: string, profile: PprofProfile): Promise<ApiResponse> {
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${name}"`,
      'x-content-type-options': 'nosniff',
    },
    body: await compress(pprofBytes(profile)),
  }
}

/** Puts a level, as the word after `-v`. */
async function setVerbosity({ setVerbosity: set }: ProfilingOptions, request: Asked): Promise<ApiResponse> {
  const plain = { 'content-type': 'text/plain' }
  if (request.method !== 'PUT') return textResponse(406, 'unsupported http method\n', plain)
  const word = Buffer.from(await request.body()).toString()
  const value = /^\d+$/.test(word) ? Number(word) : Number.NaN
  if (!(value <= 0xffff_ffff)) {
    const why = /^\d+$/.test(word) ? 'value out of range' : 'invalid syntax'
    return textResponse(400, `strconv.ParseUint: parsing ${JSON.stringify(word)}: ${why}\n`, plain)
  }
  set(value)
  return textResponse(200, `successfully set klog.logging.verbosity to ${word}\n`, plain)
}

async function index({ profiler }: ProfilingOptions): Promise<string> {
  const count = (await profiler.heap()).length
  const rows = ABOUT.map(
    ([name]) => `<tr><td>${name === 'heap' ? count : 0}</td><td><a href='${name}?debug=1'>${name}</a></td></tr>\n`,
  )
  const list = ABOUT.map(([name, about]) => `<li>${name}: ${about}</li>\n`)
  return `<html>
<head>
<title>/debug/pprof/</title>
</head>
<body>
/debug/pprof/
<br>
<p>With debug=1 in the query what is there is shown as text.</p>
<table>
<thead><td>Count</td><td>Profile</td></thead>
${rows.join('')}</table>
<ul>
${list.join('')}</ul>
</body>
</html>
`
}

const FLAGS = `<html>
<head>
<title>/debug/flags/</title>
</head>
<body>
/debug/flags/<br>
<br>
flags:<br>
<table>
<tr>v<br>
</table>
</body>
</html>
`

function redirect(location: string, method: string): ApiResponse {
  const body = method === 'GET' ? { body: Buffer.from(`<a href="${location}">Found</a>.\n\n`) } : {}
  return { status: 302, headers: { 'content-type': 'text/html; charset=utf-8', location }, ...body }
}

const html = (text: string): ApiResponse => ({
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: Buffer.from(text),
})

const failed = (status: number, message: string): ApiResponse =>
  textResponse(status, `${message}\n`, { 'x-go-pprof': '1' })

/** As Go's strconv reads it; undefined where it is none. */
function integerOf(text: string | null): number | undefined {
  return text !== null && /^[+-]?\d+$/.test(text) ? Number(text) : undefined
}
