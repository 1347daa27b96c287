import type { StartOptions } from '../children/api-server.ts'
import { type Child, startChild } from './child.ts'
import type { GaugeOptions, Reading } from './gauge.ts'
import type { Credentials } from './h2-connection.ts'

/** A server and its clients, each in a process of its own. */
export interface ApiBench {
  readonly server: Child
  readonly clients: Child
  readonly credentials: Credentials
}

export interface ApiBenchOptions {
  server?: 'api-server.ts' | 'bare-server.ts'
  backend?: 'embedded' | 'memory'
  connections?: number
  aggregate?: boolean
  held?: StartOptions['held']
}

/** Starts both, hands them to `work`, and ends them whatever happens. */
export async function withApi<T>(options: ApiBenchOptions, work: (bench: ApiBench) => Promise<T>): Promise<T> {
  const server = startChild(options.server ?? 'api-server.ts')
  const clients = startChild('load.ts')
  try {
    const { backend = 'embedded', aggregate = false, held = {} } = options
    const credentials = await server.call<Credentials>('start', { backend, aggregate, held })
    await clients.call('connect', { ...credentials, connections: options.connections ?? 4 })
    return await work({ server, clients, credentials })
  } finally {
    await clients.stop()
    await server.stop()
  }
}

/** What `work` costs the server. */
export async function measured<T>(
  { server }: ApiBench,
  work: () => Promise<T>,
  options: GaugeOptions = {},
): Promise<{ result: T; cost: Reading }> {
  await server.call('begin', options)
  const result = await work()
  const cost = await server.call<Reading>('end')
  if (cost.turns !== undefined) console.error(`longest turns of the event loop, ms of CPU: ${cost.turns.join(' ')}`)
  return { result, cost }
}
