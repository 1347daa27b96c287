import type { Logger } from '@canopus/base'
import type { CliEnvironment } from '@canopus/cli'
import { createDns, createForwarder, type DnsOptions, nameServers } from '@canopus/dns'
import type { Controller } from '@canopus/operator'
import { systemClock } from '@canopus/platform'
import type { Command } from 'commander'
import { endpoint, list, required } from '../flags.ts'
import { accessByKubeconfig } from './access.ts'
import { addLogFlags, componentLogger, type LogFlags } from './common-flags.ts'

interface DnsFlags extends LogFlags {
  kubeconfig?: string
  domain: string
  listen: { address: string; port: number }
  forwardTo?: string[]
  resolvConf: string
}

/** `canopus dns`: a server for the names of services and pods alone. */
export function addDns(program: Command, environment: CliEnvironment): Command {
  const command = program
    .command('dns')
    .description('run a cluster DNS server alone')
    .option('--kubeconfig <file>', 'how to reach the API server')
    .option('--domain <name>', "the cluster's domain", 'cluster.local')
    .option('--listen <address:port>', 'where to answer, over UDP and TCP', endpoint, { address: '0.0.0.0', port: 53 })
    .option('--forward-to <addresses>', 'ask these servers for other names; `none` for nobody', list)
    .option('--resolv-conf <file>', 'whose servers are asked for other names otherwise', '/etc/resolv.conf')
  addLogFlags(command)
  return command.action((flags: DnsFlags) => runDns(flags, componentLogger(flags, 'dns'), environment.signal))
}

async function runDns(flags: DnsFlags, logger: Logger, signal: AbortSignal): Promise<void> {
  const access = accessByKubeconfig(required('kubeconfig', flags.kubeconfig), logger, 'coredns')
  try {
    const { informers } = access
    const { address, port } = flags.listen
    const servers = flags.forwardTo ?? nameServers(flags.resolvConf, [address])
    const dns = createNodeDns(
      { informers, logger, domain: flags.domain, address, port },
      servers.filter(server => server !== 'none'),
    )
    informers.start(signal)
    await dns.run(signal)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    access.close()
  }
}

/** Cluster DNS that asks `servers` for names outside the cluster. */
export function createNodeDns(
  options: Pick<DnsOptions, 'informers' | 'logger' | 'domain' | 'address' | 'port'>,
  servers: readonly string[],
): Controller {
  const forward = createForwarder(servers, systemClock)
  return createDns({ ...options, clock: systemClock, ...(forward ? { forward } : {}) })
}
