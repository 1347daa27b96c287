/** The clients of a benchmark, in a process of their own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { answerCalls } from '../support/child.ts'
import { type Credentials, H2Connection, requestHead } from '../support/h2-connection.ts'
import { podNamed } from '../support/pod.ts'

export interface Load {
  requests: number
  failures: number
  milliseconds: number
  /** Milliseconds from request to answer, at the median and of the slowest in a hundred. */
  latency: { p50: number; p99: number }
}

const NEWLINE = 10
/** Once in every object that refers to no other. */
const UID = '"uid":"'
let connections: H2Connection[] = []
/** Events that all watches of this process together have seen. */
let seen = 0
let awaited: { count: number; done(): void } | undefined

answerCalls(
  {
    async connect(options: Credentials & { connections: number }): Promise<void> {
      connections = await Promise.all(Array.from({ length: options.connections }, () => H2Connection.open(options)))
    },

    /** GETs one path until the time is over. Who is turned away comes back after a second where `patient`. */
    get({ path, inFlight, milliseconds, patient = false }: GetWork): Promise<Load> {
      const head = requestHead('GET', path)
      const end = performance.now() + milliseconds
      return drive(inFlight, () => (performance.now() < end ? { head } : undefined), patient ? 1000 : 0)
    },

    /** Creates pods, one request each. */
    create({ prefix, inFlight, total }: { prefix: string; inFlight: number; total: number }): Promise<Load> {
      const head = requestHead('POST', '/api/v1/namespaces/default/pods')
      const bodies = Array.from({ length: total }, (_, index) => podBody(`${prefix}-${index}`))
      let next = 0
      return drive(inFlight, () => (next < total ? { head, body: bodies[next++]! } : undefined))
    },

    /** Sends bodies one request each; `{n}` in path and body is the request's number, counted from `from`, `{tens}` its tenth part. */
    send({ method, path, contentType, body, from = 0, total, objects = Infinity, inFlight }: SendWork): Promise<Load> {
      const head = path.includes('{') ? undefined : requestHead(method, path, contentType)
      const end = from + total
      let next = from
      return drive(inFlight, () => {
        if (next >= end) return undefined
        const count = next++
        const n = count % objects
        const filled = (text: string): string =>
          text
            .replaceAll('{count}', String(count))
            .replaceAll('{n}', String(n))
            .replaceAll('{tens}', String(Math.floor(n / 10)))
        return { head: head ?? requestHead(method, filled(path), contentType), body: Buffer.from(filled(body)) }
      })
    },

    /** Reads a collection page by page, so many times; how many objects there were each time, and the slowest page. */
    async pages({ path, limit, times, pause = 0 }: PagesWork): Promise<Pages> {
      const result: Pages = { objects: [], milliseconds: [], slowest: 0, latency: { p50: 0, p99: 0 } }
      const latencies: number[] = []
      for (let round = 0; round < times; round++) {
        const begun = performance.now()
        let objects = 0
        for (let token: string | undefined = ''; token !== undefined; ) {
          const start = performance.now()
          const next = token === '' ? '' : `&continue=${encodeURIComponent(token)}`
          const page = await connections[0]!.fetch(requestHead('GET', `${path}?limit=${limit}${next}`))
          latencies.push(performance.now() - start)
          if (pause > 0) await sleep(pause)
          const { metadata, count } = readPage(page)
          objects += count
          token = metadata.continue || undefined
        }
        result.objects.push(objects)
        result.milliseconds.push(performance.now() - begun)
      }
      const { latency } = summary(0, latencies, 0)
      return { ...result, slowest: Math.max(...latencies), latency }
    },

    /** One request after the other until the time is over, each path in its turn; latencies of all together. */
    probe({ paths, milliseconds, pause = 0 }: ProbeWork): Promise<Load> {
      const heads = paths.map(path => requestHead('GET', path))
      const end = performance.now() + milliseconds
      let at = 0
      return drive(1, () => (performance.now() < end ? { head: heads[at++ % heads.length]! } : undefined), 0, pause)
    },

    /** The answer's body as text. */
    async fetch(path: string): Promise<string> {
      return (await connections[0]!.fetch(requestHead('GET', path))).toString()
    },

    /** One create; rejects with the answer where it is refused. */
    async post({ path, body }: { path: string; body: object }): Promise<void> {
      await connections[0]!.fetch(requestHead('POST', path), Buffer.from(JSON.stringify(body)))
    },

    /** The number of bytes of each answer. */
    async list({ path, times }: { path: string; times: number }): Promise<number[]> {
      const sizes: number[] = []
      for (let round = 0; round < times; round++)
        sizes.push((await connections[0]!.fetch(requestHead('GET', path))).length)
      return sizes
    },

    /** Opens watches, spread evenly over the connections, and waits until all have begun. */
    async watch({ path, streams }: { path: string; streams: number }): Promise<void> {
      const head = requestHead('GET', path)
      await Promise.all(
        Array.from({ length: streams }, (_, n) => openWatch(connections[n % connections.length]!, head)),
      )
    },

    /** Events that all watches together have seen since the last time that somebody asked. */
    events(): number {
      const count = seen
      seen = 0
      return count
    },

    /** Creates one pod and waits until so many watches have seen it; returns the milliseconds. */
    async fanOut({ name, watchers }: { name: string; watchers: number }): Promise<number> {
      seen = 0
      const body = podBody(name)
      const all = new Promise<void>(resolve => {
        awaited = { count: watchers, done: resolve }
      })
      const start = performance.now()
      await Promise.all([connections[0]!.fetch(requestHead('POST', '/api/v1/namespaces/default/pods'), body), all])
      return performance.now() - start
    },
  },
  async () => {
    for (const connection of connections) connection.close()
  },
)

const podBody = (name: string): Buffer => Buffer.from(JSON.stringify(podNamed(name)))

interface GetWork {
  path: string
  inFlight: number
  milliseconds: number
  patient?: boolean
}

interface PagesWork {
  path: string
  limit: number
  times: number
  /** Milliseconds between an answer and the next request; 0 where missing. */
  pause?: number
}

interface ProbeWork {
  paths: readonly string[]
  milliseconds: number
  pause?: number
}

interface SendWork {
  method: string
  path: string
  contentType?: string
  body: string
  from?: number
  total: number
  /** Numbers begin anew after so many; `{count}` does not. */
  objects?: number
  inFlight: number
}

export interface Pages {
  objects: number[]
  milliseconds: number[]
  /** Milliseconds of the slowest page of all, and of all together. */
  slowest: number
  latency: { p50: number; p99: number }
}

/** What a page says of itself, without reading its objects: they come last. */
function readPage(page: Buffer): { metadata: { continue?: string }; count: number } {
  const items = page.indexOf('"items":[')
  const { metadata } = JSON.parse(`${page.toString('utf8', 0, items)}"items":[]}`) as {
    metadata: { continue?: string }
  }
  let count = 0
  for (let at = page.indexOf(UID, items); at >= 0; at = page.indexOf(UID, at + 1)) count++
  return { metadata, count }
}

interface Work {
  head: Buffer
  body?: Buffer
}

/** Keeps so many requests under way until there is no more work. */
function drive(inFlight: number, next: () => Work | undefined, whenRefused = 0, between = 0): Promise<Load> {
  const start = performance.now()
  const latencies: number[] = []
  let failures = 0
  let running = 0
  return new Promise(resolve => {
    const send = (connection: H2Connection): void => {
      const work = next()
      if (work === undefined) {
        if (running === 0) resolve(summary(performance.now() - start, latencies, failures))
        return
      }
      running++
      const sent = performance.now()
      let refused = false
      connection.request(work.head, work.body, {
        headers: success => {
          refused = !success
          if (refused) failures++
        },
        end: () => {
          running--
          latencies.push(performance.now() - sent)
          const pause = refused && whenRefused > 0 ? whenRefused : between
          if (pause > 0) setTimeout(() => send(connection), pause)
          else send(connection)
        },
      })
    }
    for (let n = 0; n < inFlight; n++) send(connections[n % connections.length]!)
  })
}

function summary(milliseconds: number, latencies: number[], failures: number): Load {
  const sorted = Float64Array.from(latencies).sort()
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? 0
  return { requests: latencies.length, failures, milliseconds, latency: { p50: at(0.5), p99: at(0.99) } }
}

function openWatch(connection: H2Connection, head: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.request(head, undefined, {
      headers: success => (success ? resolve() : reject(new Error('a watch was refused'))),
      data: countEvents,
      end: () => console.error('a watch ended'),
    })
  })
}

function countEvents(bytes: Buffer): void {
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) seen++
  if (awaited === undefined || seen < awaited.count) return
  const { done } = awaited
  awaited = undefined
  done()
}
