import { join } from 'node:path'
import { loadDescriptions } from '@canopus/apiserver'
import { type ClusterConfig, clusterPkiOf, keepCredentials, MOST_SLOTS, pathsOf } from '@canopus/cli'
import { startControlPlane } from '@canopus/control-plane'
import { createLocalCloud, createLocalVolumesSetUp } from '@canopus/controllers'
import { createClusterDnsController } from '@canopus/dns'
import { addressAt } from '@canopus/network'
import { type ClusterPki, createLogger, systemClock, systemRandom, tuneEngine } from '@canopus/platform'
import { applyApiServerArgs } from './apiserver-args.ts'
import { componentAddresses, createComponentRegistries, serveComponents } from './component-ports.ts'
import { publicAddress } from './public-address.ts'
import { serverIdentity } from './server-identity.ts'
import { openStore } from './store.ts'

/** Runs API server, controllers and scheduler of a cluster until the signal aborts. */
export async function runControlPlane(config: ClusterConfig, signal: AbortSignal): Promise<void> {
  tuneEngine()
  const logger = createLogger({ to: 1 })
  // What is renewed while this runs takes its place in here.
  const pki = await clusterPkiOf(config, systemClock)
  const identity = serverIdentity()
  const applied = await applyApiServerArgs(config.apiserverArgs ?? [], identity.name, logger)
  const registries = createComponentRegistries(applied.extras.featureGates)
  const store = applied.stored(await openStore(config.store, pathsOf(config).store, logger))
  try {
    const { server, finished } = await startControlPlane(
      {
        store,
        clock: systemClock,
        random: systemRandom,
        logger,
        pki,
        serviceCidr: config.serviceCidr,
        clusterCidr: config.clusterCidr,
        // Clusters side by side share this machine's ports.
        nodePorts: { from: 30000, to: 32767, share: { index: config.slot, of: MOST_SLOTS } },
        descriptions: () => loadDescriptions(join(process.env.CANOPUS_ROOT ?? '.', 'dist/descriptions.json.gz')),
        advertise: advertised(config),
        identity: { ...identity, ...peerAddressOf(config) },
        apiServer: { ...applied.extras, components: componentAddresses(config.slot) },
        componentMetrics: registries,
        cloud: context =>
          createLocalCloud(context, {
            reservedPorts: [config.apiPort, ...config.nodes.map(node => node.kubeletPort)],
          }),
        extraControllers: as =>
          config.nodes.length > 0
            ? [
                createClusterDnsController(as('cluster-dns'), { address: config.dnsAddress, port: config.dnsPort }),
                createLocalVolumesSetUp(as('local-volumes'), { storageClass: config.storageClass !== false }),
              ]
            : [],
      },
      signal,
    )
    const listening = config.apiAddresses.map(address =>
      server.listen({ address, port: config.apiPort, tls: tlsOf(pki) }),
    )
    const listeners = await Promise.all(listening)
    logger.info('the API server is listening', { addresses: config.apiAddresses, port: config.apiPort })
    const { slot } = config
    const clientCa = pki.ca.certificate
    const ports = await serveComponents({ server, slot, registries, certificates: pki.apiserver, clientCa, logger })
    const renew = (valid: ClusterPki): void => {
      if (valid.apiserver.certificate !== pki.apiserver.certificate) {
        for (const listener of listeners) listener.setTls(tlsOf(valid))
        ports.setCertificates(valid.apiserver)
      }
      Object.assign(pki, valid)
    }
    const renewing = keepCredentials(config, { clock: systemClock, logger }, renew, signal)
    await Promise.all([finished, applied.run(signal), renewing]).finally(() => ports.close())
  } finally {
    await store.close()
  }
}

function advertised(config: ClusterConfig): { address?: string; port: number; serviceAddress: string } {
  return {
    // Without nodes there are no pods to reach the server, and a loopback address may not be published.
    ...(config.nodes.length > 0 ? { address: config.apiAddresses.at(-1)! } : {}),
    port: config.apiPort,
    serviceAddress: addressAt(config.serviceCidr, 1),
  }
}

/** Where other servers would reach this one, if there were any. */
function peerAddressOf(config: ClusterConfig): { address?: string } {
  const host = config.apiAddresses.at(-1)
  return host === undefined ? {} : { address: publicAddress(host, config.apiPort) }
}

function tlsOf(pki: ClusterPki): { key: string; cert: string; clientCa: string[] } {
  const { apiserver, ca, frontProxyCa } = pki
  return { key: apiserver.key, cert: apiserver.certificate, clientCa: [ca.certificate, frontProxyCa.certificate] }
}
