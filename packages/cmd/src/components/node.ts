import { readFileSync } from 'node:fs'
import type { Logger } from '@canopus/base'
import {
  type ClusterConfig,
  Failure,
  foreignNodeRanges,
  type NodeConfig,
  type NodePaths,
  type NodeUser,
  pathsOf,
  tablesOf,
} from '@canopus/cli'
import { createLocalProvisioner, LOCAL_PROVISIONER } from '@canopus/controllers/volume/local'
import { type Cri, connectCri } from '@canopus/cri'
import { nameServers } from '@canopus/dns'
import { createLocalDirectories } from '@canopus/kubelet'
import { hostPortOwners, nodeSysctls, writeSysctl } from '@canopus/network'
import { createEventRecorder } from '@canopus/operator'
import { createLogger, systemClock, systemRandom } from '@canopus/platform'
import { type Access, accessByKubeconfig } from './access.ts'
import { untilApiAnswers } from './api-answers.ts'
import { createNodeDns } from './dns.ts'
import { createNodeKubelet } from './kubelet.ts'
import { runPodNetwork } from './pod-network.ts'
import { createNodeProxy } from './proxy.ts'
import { runtimeReady } from './runtime.ts'
import { certificateIn, followCertificate } from './serving-certificate.ts'

/** What the parts of a node share. */
interface NodeContext {
  config: ClusterConfig
  node: NodeConfig
  paths: NodePaths
  logger: Logger
}

/** Runs kubelet, service proxy, DNS, pod network and volume provisioner of one node until the signal aborts. Containers keep running. */
export async function runNode(config: ClusterConfig, name: string, signal: AbortSignal): Promise<void> {
  const node = config.nodes.find(each => each.name === name)
  if (!node) throw new Failure(`cluster "${config.name}" has no node "${name}"`)
  const context: NodeContext = {
    config,
    node,
    paths: pathsOf(config).node(name),
    logger: createLogger({ to: 1, facts: { node: name } }),
  }
  for (const [parameter, value] of Object.entries(nodeSysctls)) writeSysctl(parameter, value)
  const cri = connectCri(context.paths.containerdSocket, systemClock)
  const access = USERS.map(user => createAccess(context, user))
  const [kubelet, proxy, dns, volumes] = access as [Access, Access, Access, Access]
  try {
    await Promise.all([
      runtimeReady(context.paths.containerdSocket, cri, context.logger, signal),
      untilApiAnswers(kubelet.client.transport, systemClock, signal),
    ])
    const parts = [
      runKubelet(context, kubelet, cri, signal),
      runPodNetwork(context, proxy.informers, signal),
      runProxy(context, proxy, signal),
      runDns(context, dns, signal),
      runVolumes(context, volumes, signal),
    ]
    for (const each of access) each.informers.start(signal)
    await Promise.all(parts)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    for (const each of access) each.close()
    cri.close()
  }
}

const USERS: readonly NodeUser[] = ['kubelet', 'proxy', 'dns', 'volumes']
const USER_AGENTS = { kubelet: 'kubelet', proxy: 'kube-proxy', dns: 'coredns', volumes: 'local-path' } as const

/** Each part works as a user of its own. */
function createAccess({ paths, logger }: NodeContext, user: NodeUser): Access {
  return accessByKubeconfig(paths.kubeconfig(user), logger.child({ component: user }), USER_AGENTS[user])
}

function runKubelet(context: NodeContext, access: Access, cri: Cri, signal: AbortSignal): Promise<void> {
  const { config, node, paths } = context
  return createNodeKubelet(access, cri, context.logger.child({ component: 'kubelet' }), {
    nodeName: node.name,
    nodeIps: [node.address],
    dirs: { root: paths.kubelet, logs: paths.podLogs },
    dns: { clusterIp: config.dnsAddress, domain: config.domain },
    server: {
      address: node.address,
      port: node.kubeletPort,
      ...certificateIn(paths.serving),
      onRenewal: renewed => void followCertificate(paths.serving, renewed),
      clientCa: readFileSync(`${pathsOf(config).pki}/ca.crt`, 'utf8'),
    },
    usedHostPorts: hostPortOwners,
    cgroups: { driver: 'cgroupfs', ...(node.place === 'host' ? {} : { prefix: `/${node.name}` }) },
  }).run(signal)
}

function runProxy(context: NodeContext, { client, informers }: Access, signal: AbortSignal): Promise<void> {
  const { config, node } = context
  const logger = context.logger.child({ component: 'proxy' })
  const events = createEventRecorder({ client, clock: systemClock, logger, component: 'kube-proxy', host: node.name })
  const options: Parameters<typeof createNodeProxy>[0] = {
    informers,
    logger,
    nodeName: node.name,
    clusterCidr: config.clusterCidr,
    table: tablesOf(config).services,
    foreignNodes: foreignNodeRanges(config),
    portTaken(service, port) {
      const [protocol, number] = port.split(' . ')
      const message = `another cluster on this machine serves node port ${number}/${protocol} too; this one is sure to be reached at ${node.address} alone`
      logger.warn(message, { service: `${service.metadata.namespace}/${service.metadata.name}` })
      events.event(
        { apiVersion: 'v1', kind: 'Service', metadata: service.metadata },
        'Warning',
        'NodePortTaken',
        message,
      )
    },
  }
  return createNodeProxy(options, node.address).run(signal)
}

function runDns({ config, node, logger }: NodeContext, { informers }: Access, signal: AbortSignal): Promise<void> {
  const servers = config.egress === 'none' ? [] : nameServers('/etc/resolv.conf', [config.dnsAddress])
  const { domain, dnsPort: port } = config
  return createNodeDns(
    { informers, logger: logger.child({ component: 'dns' }), domain, address: node.address, port },
    servers,
  ).run(signal)
}

function runVolumes({ node, paths, logger: parent }: NodeContext, { client, informers }: Access, signal: AbortSignal) {
  const logger = parent.child({ component: 'volumes' })
  const clock = systemClock
  const events = createEventRecorder({ client, clock, logger, component: LOCAL_PROVISIONER, host: node.name })
  return createLocalProvisioner(
    { client, informers, clock, random: systemRandom, logger, events },
    { nodeName: node.name, directories: createLocalDirectories(paths.volumes) },
  ).run(signal)
}
