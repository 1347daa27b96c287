import { Resolver } from 'node:dns/promises'
import { join } from 'node:path'
import { sleep } from '@canopus/base'
import { type Client, createClient } from '@canopus/client'
import { createKubeconfigTransport } from '@canopus/host'
import type { CliEnvironment } from '../environment.ts'
import { Failure } from '../failure.ts'
import { type ClusterConfig, pathsOf } from './config.ts'
import { requireRoom } from './data-directory.ts'
import { LogWatch } from './log-watch.ts'
import { markControlPlane, nodesReadiness } from './node-ready.ts'

/** Waits until the API server is ready, every node is Ready and DNS answers. Throws `Failure` saying what is missing at the end. */
export async function untilReady(config: ClusterConfig, timeout: number, environment: CliEnvironment): Promise<void> {
  const { progress, clock } = environment
  const deadline = clock.monotonic() + timeout
  const transport = createKubeconfigTransport(pathsOf(config).adminKubeconfig)
  const client = createClient(transport)
  const watches = watchesOf(config)
  const until = async (title: string, check: () => Promise<string | undefined>): Promise<void> =>
    progress.step(title, async detail => {
      for (;;) {
        environment.signal.throwIfAborted()
        const missing = await check().catch((error: Error) => error.message)
        if (missing === undefined) return
        detail(missing)
        requireRoom(config.dataDirectory)
        const late = clock.monotonic() > deadline
        for (const { what, log } of watches) {
          const reason = late ? log.whyItEnds(1) : log.whyItEnds()
          if (reason !== undefined)
            throw new Failure(`${what} does not start: ${reason}`, `See \`canopus logs --name ${config.name}\`.`)
        }
        if (late)
          throw new Failure(
            `${title}: not after ${timeout / 1000} s: ${missing}`,
            `See \`canopus logs --name ${config.name}\`.`,
          )
        await sleep(clock, 25, environment.signal)
      }
    })
  try {
    await until('Starting the control plane', () => apiReady(client))
    if (config.nodes.length === 0) return
    await until('Waiting for the nodes', nodesReadiness(client, config))
    await markControlPlane(client, config)
    await until('Waiting for DNS', () => dnsAnswers(config))
  } finally {
    transport.close()
  }
}

/** The logs of what may end again and again, from here on. */
function watchesOf(config: ClusterConfig): { what: string; log: LogWatch }[] {
  const { logs } = pathsOf(config)
  const nodes = config.nodes.flatMap(({ name }) => [
    { what: `containerd of node ${name}`, log: new LogWatch(join(logs, `node-${name}-containerd.log`)) },
    { what: `the agent of node ${name}`, log: new LogWatch(join(logs, `node-${name}-agent.log`)) },
  ])
  return [{ what: 'the control plane', log: new LogWatch(join(logs, 'control-plane.log')) }, ...nodes]
}

async function apiReady(client: Client): Promise<string | undefined> {
  const response = await client.transport.send({ method: 'GET', path: '/readyz' })
  const text = new TextDecoder().decode(await response.bytes())
  return response.status === 200
    ? undefined
    : (text.split('\n').find(line => line.includes('failed')) ?? `status ${response.status}`)
}

async function dnsAnswers(config: ClusterConfig): Promise<string | undefined> {
  const resolver = new Resolver({ timeout: 300, tries: 1 })
  resolver.setServers([config.dnsAddress])
  const found = await resolver.resolve4(`kubernetes.default.svc.${config.domain}`)
  return found.length > 0 ? undefined : 'no address for kubernetes.default'
}
