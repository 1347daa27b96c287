/** Clients that create, read, change and delete one ConfigMap at the same time, and note what they were told. */
import { randomInt, SeededRandom } from '@canopus/base'
import type { Operation, State } from './linearizability.ts'

export interface Told {
  /** 0 where no answer came. */
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers are of every kind
  readonly json: any
}

export type Ask = (method: string, path: string, body?: unknown) => Promise<Told>

const COLLECTION = '/api/v1/namespaces/default/configmaps'

interface Known {
  readonly value: string
  readonly resourceVersion: string
}

/** Runs `clients` at once, each with `count` operations. What happened is added to `history` as the answers come. */
export async function runClients(
  ask: Ask,
  options: { name: string; clients: number; count: number; seed: number; history: Operation[] },
): Promise<void> {
  const { clients, seed } = options
  await Promise.all(Array.from({ length: clients }, (_, index) => runClient(ask, options, index, seed * 100 + index)))
}

async function runClient(
  ask: Ask,
  { name, count, history }: { name: string; count: number; history: Operation[] },
  index: number,
  seed: number,
): Promise<void> {
  const random = new SeededRandom(seed)
  const path = `${COLLECTION}/${name}`
  let known: Known | undefined
  for (let step = 0; step < count; step++) {
    const value = `${seed}.${index}.${step}`
    const called = performance.now()
    const note = (what: string, told: Told, effect: Operation['effect']): void => {
      const answered = told.status === 0 || told.status >= 500 ? Number.POSITIVE_INFINITY : performance.now()
      history.push({ what: `${what} -> ${told.status}`, called, answered, effect })
    }
    const seen = ({ json }: Told): Known => ({ value: json.data.v, resourceVersion: json.metadata.resourceVersion })
    const body = (resourceVersion?: string): object => ({
      metadata: { name, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      data: { v: value },
    })
    const choice = randomInt(random, 10)
    if (choice < 2) {
      const told = await ask('POST', COLLECTION, body())
      note(`create ${value}`, told, created(told.status, value))
      if (told.status === 201) known = seen(told)
    } else if (choice < 5 && known !== undefined) {
      const { value: before, resourceVersion } = known
      const told = await ask('PUT', path, body(resourceVersion))
      note(`update ${before} to ${value}`, told, updated(told.status, before, value))
      known = told.status === 200 ? seen(told) : undefined
    } else if (choice < 6) {
      const told = await ask('DELETE', path)
      note('delete', told, deleted(told.status))
    } else if (choice < 8) {
      const told = await ask('GET', path)
      if (told.status === 200) known = seen(told)
      const found = told.status === 200 ? known!.value : undefined
      if (told.status === 200 || told.status === 404) note(`get ${found}`, told, shows(found))
    } else {
      const told = await ask('GET', `${COLLECTION}?fieldSelector=metadata.name%3D${name}`)
      if (told.status === 200) note('list', told, shows(told.json.items[0]?.data.v))
    }
  }
}

const shows =
  (found: State): Operation['effect'] =>
  state =>
    state === found ? state : false

const created =
  (status: number, value: string): Operation['effect'] =>
  state => {
    if (status === 409) return state === undefined ? false : state
    return state === undefined ? value : false
  }

const updated =
  (status: number, before: string, value: string): Operation['effect'] =>
  state => {
    if (status === 409) return state === undefined || state === before ? false : state
    if (status === 404) return state === undefined ? state : false
    return state === before ? value : false
  }

const deleted =
  (status: number): Operation['effect'] =>
  state => {
    if (status === 404) return state === undefined ? state : false
    return state === undefined ? false : undefined
  }
