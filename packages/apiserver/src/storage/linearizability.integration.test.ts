/**
 * Many clients on one object, on every store: what they were told must be one story, and a watcher must have seen that story.
 * Where the store is durable its process is killed meanwhile. `CANOPUS_LONG_TESTS=1` runs more and longer.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import { createMemoryStore, openEtcdStore } from '@canopus/store'
import { findEtcd, startEtcd } from '@canopus/store/testing'
import { type Ask, runClients, type Told } from '../testing/history.ts'
import { linearize, type Operation, type State } from '../testing/linearizability.ts'
import { type MemoryServer, startMemoryServer, type TestWatch } from '../testing/memory-server.ts'

const long = process.env.CANOPUS_LONG_TESTS !== undefined
const rounds = long ? 100 : 4
const clients = 5
const count = long ? 40 : 20
const child = fileURLToPath(new URL('../testing/embedded-server-child.ts', import.meta.url))
const program = findEtcd()

const asking =
  ({ send }: MemoryServer): Ask =>
  async (method, path, body) => {
    const answer = await send(method, path, body)
    return { status: answer.status, json: answer.json }
  }

function explained(history: readonly Operation[], initial?: string): Operation[] {
  const order = linearize(history, initial)
  const story = history.map(({ what, called, answered }) => `${called.toFixed(2)}-${answered.toFixed(2)} ${what}`)
  assert.ok(order !== undefined, `nothing explains what was told:\n${story.join('\n')}`)
  return order
}

/** The same history on a key that can only go from state to state as a watcher saw it; its state is how far it has come. */
function along(seen: readonly State[], history: readonly Operation[]): Operation[] {
  return history.map(operation => ({
    ...operation,
    effect: at => {
      const step = Number(at)
      const now = step === 0 ? undefined : seen[step - 1]
      const next = operation.effect(now)
      if (next === false) return false
      if (next === now) return at
      return step < seen.length && seen[step] === next ? `${step + 1}` : false
    },
  }))
}

/** What a watcher saw up to the object named `end`. */
async function watched(watch: TestWatch, end: string): Promise<State[]> {
  const states: State[] = []
  let revision = 0
  for (;;) {
    const { type, object } = await watch.next()
    assert.ok(Number(object.metadata.resourceVersion) > revision, 'revisions grow')
    revision = Number(object.metadata.resourceVersion)
    if (object.metadata.name === end) return states
    states.push(type === 'DELETED' ? undefined : object.data.v)
  }
}

test('on the memory store, and a watcher sees the same', async () => {
  const server = await startMemoryServer({ store: createMemoryStore({ clock: systemClock }) })
  for (let seed = 0; seed < rounds; seed++) {
    const { metadata } = (await server.send('GET', '/api/v1/namespaces/default/configmaps')).json
    const since = metadata.resourceVersion
    const watch = await server.watch(`/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=${since}`)
    const history: Operation[] = []
    await runClients(asking(server), { name: `key-${seed}`, clients, count, seed, history })
    await server.send('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: `end-${seed}` } })
    const seen = await watched(watch, `end-${seed}`)
    watch.end()
    const story = along(seen, history)
    const end = explained(story, '0').reduce<State>((at, { effect }) => effect(at) as State, '0')
    assert.equal(end, `${seen.length}`, 'the watcher saw no more than happened')
    await server.send('DELETE', '/api/v1/namespaces/default/configmaps')
  }
  await server.stop()
})

/** The process of an API server on an embedded store, and how to ask it. */
class Child {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (told: Told) => void>()
  readonly ready: Promise<void>
  readonly gone: Promise<unknown>
  #next = 1

  constructor(directory: string) {
    this.#process = spawn(process.execPath, [child, directory], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.gone = once(this.#process, 'exit').then(() => {
      for (const answer of this.#waiting.values()) answer({ status: 0, json: undefined })
      this.#waiting.clear()
    })
    this.#process.stdin!.on('error', () => {})
    this.ready = new Promise(resolve => this.#waiting.set(0, () => resolve()))
    void this.read()
  }

  private async read(): Promise<void> {
    for await (const line of createInterface({ input: this.#process.stdout! })) {
      // The kill may have cut the last line off.
      if (!line.endsWith('}')) continue
      const { id, ...told } = JSON.parse(line)
      this.#waiting.get(id)?.(told)
      this.#waiting.delete(id)
    }
  }

  ask(method: string, path: string, body?: unknown): Promise<Told> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
      return Promise.resolve({ status: 0, json: undefined })
    }
    const id = this.#next++
    return new Promise(resolve => {
      this.#waiting.set(id, resolve)
      this.#process.stdin!.write(`${JSON.stringify({ id, method, path, body })}\n`)
    })
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.gone
  }
}

test('on the embedded store, whose process is killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-linear-'))
  let current = new Child(directory)
  let unanswered = 0
  try {
    await current.ready
    for (let seed = 0; seed < rounds; seed++) {
      const history: Operation[] = []
      let answers = 0
      let restarting: Promise<void> | undefined
      const restart = async (): Promise<void> => {
        await current.kill()
        current = new Child(directory)
        await current.ready
      }
      const ask: Ask = async (method, path, body) => {
        await restarting
        const asked = current.ask(method, path, body)
        // In the middle of the others' requests, and of this one.
        if (++answers === (clients * count) / 2) restarting = restart()
        return asked
      }
      await runClients(ask, { name: `key-${seed}`, clients, count, seed, history })
      await restarting
      unanswered += history.filter(({ answered }) => answered === Number.POSITIVE_INFINITY).length
      explained(history)
    }
    assert.ok(unanswered > 0, 'the kills hit writes that were under way')
  } finally {
    await current.kill()
    rmSync(directory, { recursive: true, force: true })
  }
})

describe('on etcd, which is killed', { skip: program ? false : 'no etcd is to be had' }, () => {
  test('two API servers tell one story', async () => {
    const etcd = await startEtcd(program!)
    const stores = []
    const servers: MemoryServer[] = []
    try {
      for (let index = 0; index < 2; index++) {
        const store = await openEtcdStore({ endpoints: [etcd.endpoint], clock: systemClock, logger: silentLogger })
        stores.push(store)
        servers.push(await startMemoryServer({ store }))
      }
      let asked = 0
      for (let seed = 0; seed < rounds; seed++) {
        const history: Operation[] = []
        let restarting: Promise<void> | undefined
        const ask: Ask = (method, path, body) => {
          asked++
          if (asked % (clients * count) === (clients * count) / 2) restarting = etcd.kill().then(() => etcd.start())
          return asking(servers[asked % 2]!)(method, path, body)
        }
        await runClients(ask, { name: `key-${seed}`, clients, count, seed, history })
        await restarting
        explained(history)
      }
    } finally {
      for (const each of servers) await each.stop()
      for (const each of stores) await each.close()
      await etcd.stop()
    }
  })
})
