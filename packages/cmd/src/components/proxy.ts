import { hostname } from 'node:os'
import type { Logger } from '@canopus/base'
import type { CliEnvironment } from '@canopus/cli'
import { applyNft, deleteNftTable, nftMapKeys, nftTables, nodeSysctls, writeSysctl } from '@canopus/network'
import type { Controller } from '@canopus/operator'
import { systemClock, tryRun } from '@canopus/platform'
import { createProxy, type ProxyOptions } from '@canopus/proxy'
import { type Command, Option } from 'commander'
import { required } from '../flags.ts'
import { accessByKubeconfig } from './access.ts'
import {
  addFlagsWithoutEffect,
  addLogFlags,
  addVersionFlag,
  componentLogger,
  LOG_FIELDS,
  LOG_WITHOUT_EFFECT,
  type LogFlags,
  reportFlagsWithoutEffect,
} from './common-flags.ts'
import { applyComponentConfig, type ConfigKind } from './component-config.ts'
import { addFeatureGateFlag, type FeatureGateFlags, featureGatesOf } from './feature-flags.ts'
import { createHealthChecks } from './health-checks.ts'
import { addHiddenMetricsFlag, checkHiddenMetrics, type MetricsFlags } from './metrics-flags.ts'

interface ProxyFlags extends FeatureGateFlags, LogFlags, Pick<MetricsFlags, 'showHiddenMetricsForVersion'> {
  config?: string
  kubeconfig?: string
  clusterCidr?: string
  hostnameOverride?: string
  nftTable: string
  cleanup: boolean
}

/** What `canopus proxy --config` may say (upstream staging/src/k8s.io/kube-proxy/config/v1alpha1/types.go). */
export const PROXY_CONFIGURATION: ConfigKind = {
  apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
  kind: 'KubeProxyConfiguration',
  fields: {
    'clientConnection.kubeconfig': { flag: 'kubeconfig', type: 'path' },
    clusterCIDR: { flag: 'clusterCidr', type: 'text' },
    featureGates: { flag: 'featureGates', type: 'map' },
    hostnameOverride: { flag: 'hostnameOverride', type: 'text' },
    ...LOG_FIELDS,
    mode: { always: 'nftables' },
    showHiddenMetricsForVersion: { flag: 'showHiddenMetricsForVersion', type: 'text' },
  },
}

/** There are no tables of iptables or IPVS here, no limits of conntrack's, and no ports of its own. */
const WITHOUT_EFFECT = [
  ...LOG_WITHOUT_EFFECT,
  'bind-address',
  'bind-address-hard-fail',
  'boot-id-file',
  'config-sync-period',
  'conntrack-max-per-core',
  'conntrack-min',
  'conntrack-tcp-be-liberal',
  'conntrack-tcp-timeout-close-wait',
  'conntrack-tcp-timeout-established',
  'conntrack-udp-timeout',
  'conntrack-udp-timeout-stream',
  'detect-local-mode',
  'healthz-bind-address',
  'iptables-localhost-nodeports',
  'iptables-masquerade-bit',
  'iptables-min-sync-period',
  'iptables-sync-period',
  'ipvs-exclude-cidrs',
  'ipvs-min-sync-period',
  'ipvs-scheduler',
  'ipvs-strict-arp',
  'ipvs-sync-period',
  'ipvs-tcp-timeout',
  'ipvs-tcpfin-timeout',
  'ipvs-udp-timeout',
  'kube-api-burst',
  'kube-api-content-type',
  'kube-api-qps',
  'machine-id-file',
  'masquerade-all',
  'master',
  'metrics-bind-address',
  'nodeport-addresses',
  'oom-score-adj',
  'pod-bridge-interface',
  'pod-interface-name-prefix',
  'profiling',
]

/** `canopus proxy`: the service proxy of this machine alone, with kube-proxy's flags. */
export function addProxy(program: Command, environment: CliEnvironment): Command {
  const command = program
    .command('proxy')
    .description("run this machine's service proxy alone")
    .option('--config <file>', 'a KubeProxyConfiguration; it wins over flags other than --hostname-override')
    .option('--kubeconfig <file>', 'how to reach the API server')
    .option('--cluster-cidr <cidr>', 'addresses of pods')
    .option('--hostname-override <name>', "the node's name (default: the machine's)")
    .addOption(new Option('--proxy-mode <mode>', 'how packets are led').choices(['nftables']).default('nftables'))
    .option('--nft-table <name>', 'the table that is kept', 'canopus_services')
    .option('--cleanup', 'remove the table and end', false)
  addFeatureGateFlag(command)
  addHiddenMetricsFlag(command)
  addFlagsWithoutEffect(command, WITHOUT_EFFECT)
  addVersionFlag(command)
  addLogFlags(command)
  return command.action(({ config }: ProxyFlags) => {
    applyComponentConfig(command, config, PROXY_CONFIGURATION, flag => flag === 'hostnameOverride')
    const flags = command.opts<ProxyFlags>()
    featureGatesOf(flags, 'proxy')
    checkHiddenMetrics(flags)
    const logger = componentLogger(flags, 'proxy')
    reportFlagsWithoutEffect(command, WITHOUT_EFFECT, logger)
    return runProxy(flags, logger, environment.signal)
  })
}

async function runProxy(flags: ProxyFlags, logger: Logger, signal: AbortSignal): Promise<void> {
  if (flags.cleanup) return void (await deleteNftTable('ip', flags.nftTable))
  const clusterCidr = required('cluster-cidr', flags.clusterCidr)
  const access = accessByKubeconfig(required('kubeconfig', flags.kubeconfig), logger, 'kube-proxy')
  for (const [parameter, value] of Object.entries(nodeSysctls)) writeSysctl(parameter, value)
  try {
    const { informers } = access
    const nodeName = flags.hostnameOverride ?? hostname().toLowerCase()
    const proxy = createNodeProxy({ informers, logger, nodeName, clusterCidr, table: flags.nftTable })
    informers.start(signal)
    await proxy.run(signal)
  } finally {
    access.close()
  }
}

/** The service proxy with this machine's nft and conntrack; health checks are answered at `address`, everywhere where missing. */
export function createNodeProxy(
  options: Omit<ProxyOptions, 'clock' | 'effects' | 'gather'>,
  address?: string,
): Controller {
  return createProxy({
    ...options,
    clock: systemClock,
    effects: {
      applyNft,
      async forgetUdpFlows(addresses) {
        for (const address of addresses) await tryRun('conntrack', ['-D', '-p', 'udp', '--orig-dst', address])
      },
      nodePortsElsewhere: () => nodePortsElsewhere(options.table),
      serveHealthChecks: createHealthChecks(address, options.logger),
    },
  })
}

/** Node ports in the services tables of other clusters in this network namespace. */
async function nodePortsElsewhere(ownTable: string): Promise<ReadonlySet<string>> {
  const others = (await nftTables('ip')).filter(name => /^canopus\d*_services$/.test(name) && name !== ownTable)
  const maps = others.flatMap(table => ['np', 'npnoeps'].map(map => nftMapKeys('ip', table, map)))
  return new Set((await Promise.all(maps)).flat())
}
