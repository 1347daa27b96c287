import { readFileSync } from 'node:fs'
import { type Clock, type Logger, sleep } from '@canopus/base'
import { type ClusterConfig, Failure, type NodeConfig, type NodePaths, pathsOf, tablesOf } from '@canopus/cli'
import { type Client, createClient, createInformerFactory, type InformerFactory } from '@canopus/client'
import { type Cri, connectCri, importImage, PAUSE_IMAGE, pauseImage } from '@canopus/cri'
import { createDns, createForwarder, nameServers } from '@canopus/dns'
import { createKubeconfigTransport, type HttpsTransport } from '@canopus/host'
import { createKubelet, readMachineFacts } from '@canopus/kubelet'
import { applyNft, nodeSysctls, writeSysctl } from '@canopus/network'
import { createEventRecorder } from '@canopus/operator'
import { createLogger, systemClock, systemRandom, tryRun } from '@canopus/platform'
import { createProxy } from '@canopus/proxy'
import { runPodNetwork } from './pod-network.ts'

/** What the parts of a node share. */
interface NodeContext {
  config: ClusterConfig
  node: NodeConfig
  paths: NodePaths
  logger: Logger
  clock: Clock
}

/** Runs kubelet, service proxy, DNS and pod network of one node until the signal aborts. Containers keep running. */
export async function runNode(config: ClusterConfig, name: string, signal: AbortSignal): Promise<void> {
  const node = config.nodes.find(each => each.name === name)
  if (!node) throw new Failure(`cluster "${config.name}" has no node "${name}"`)
  const context: NodeContext = {
    config,
    node,
    paths: pathsOf(config).node(name),
    logger: createLogger({ to: 1, facts: { node: name } }),
    clock: systemClock,
  }
  for (const [parameter, value] of Object.entries(nodeSysctls)) writeSysctl(parameter, value)
  const cri = connectCri(context.paths.containerdSocket, context.clock)
  const access = ['kubelet', 'proxy', 'dns'].map(user => createAccess(context, user as 'kubelet' | 'proxy' | 'dns'))
  const [kubelet, proxy, dns] = access as [Access, Access, Access]
  try {
    await runtimeReady(context, cri, signal)
    const parts = [
      runKubelet(context, kubelet, cri, signal),
      runPodNetwork(context, proxy.informers, signal),
      runProxy(context, proxy, signal),
      runDns(context, dns, signal),
    ]
    for (const each of access) each.informers.start(signal)
    await Promise.all(parts)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    for (const each of access) each.transport.close()
    cri.close()
  }
}

interface Access {
  transport: HttpsTransport
  client: Client
  informers: InformerFactory
}

function createAccess({ paths, clock, logger }: NodeContext, user: 'kubelet' | 'proxy' | 'dns'): Access {
  const transport = createKubeconfigTransport(paths.kubeconfig(user))
  const client = createClient(transport)
  return {
    transport,
    client,
    informers: createInformerFactory({
      client,
      clock,
      random: systemRandom,
      logger: logger.child({ component: user }),
    }),
  }
}

/** Waits for containerd's answer and gives it the pause image, which no registry has to serve then. */
async function runtimeReady({ clock, paths, logger }: NodeContext, cri: Cri, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await cri.version({}, { deadline: 2000 })
      break
    } catch (error) {
      logger.debug('containerd does not answer yet', { error })
      await sleep(clock, 20, signal)
    }
  }
  const { image } = await cri.imageStatus({ image: { image: PAUSE_IMAGE } })
  if (!image) await importImage(paths.containerdSocket, await pauseImage())
}

async function runKubelet(context: NodeContext, access: Access, cri: Cri, signal: AbortSignal): Promise<void> {
  const { config, node, paths, clock } = context
  const logger = context.logger.child({ component: 'kubelet' })
  const { client, informers } = access
  await createKubelet({
    client,
    informers,
    events: createEventRecorder({ client, clock, logger, component: 'kubelet', host: node.name }),
    cri,
    clock,
    random: systemRandom,
    logger,
    nodeName: node.name,
    nodeIps: [node.address],
    dirs: { root: paths.kubelet, logs: paths.podLogs },
    dns: { clusterIp: config.dnsAddress, domain: config.domain },
    server: {
      address: node.address,
      port: node.kubeletPort,
      certificate: readFileSync(paths.serving.certificate, 'utf8'),
      key: readFileSync(paths.serving.key, 'utf8'),
      clientCa: readFileSync(`${pathsOf(config).pki}/ca.crt`, 'utf8'),
    },
    machine: readMachineFacts(),
    cgroups: { driver: 'cgroupfs', ...(node.place === 'host' ? {} : { prefix: `/${node.name}` }) },
    version: 'v1.36.0',
  }).run(signal)
}

async function runProxy(
  { config, node, clock, logger }: NodeContext,
  access: Access,
  signal: AbortSignal,
): Promise<void> {
  await createProxy({
    informers: access.informers,
    clock,
    logger: logger.child({ component: 'proxy' }),
    nodeName: node.name,
    clusterCidr: config.clusterCidr,
    table: tablesOf(config).services,
    effects: {
      applyNft,
      async forgetUdpFlows(addresses) {
        for (const address of addresses) await tryRun('conntrack', ['-D', '-p', 'udp', '--orig-dst', address])
      },
    },
  }).run(signal)
}

async function runDns(
  { config, node, clock, logger }: NodeContext,
  access: Access,
  signal: AbortSignal,
): Promise<void> {
  const servers = config.egress === 'none' ? [] : nameServers('/etc/resolv.conf', [config.dnsAddress])
  const forward = createForwarder(servers, clock)
  await createDns({
    informers: access.informers,
    clock,
    logger: logger.child({ component: 'dns' }),
    domain: config.domain,
    address: node.address,
    port: config.dnsPort,
    ...(forward ? { forward } : {}),
  }).run(signal)
}
