import { rmSync } from 'node:fs'
import { type Clock, type Logger, sleep } from '@canopus/base'
import { type KubeconfigUser, mergeKubeconfig, readKubeconfigUser } from '@canopus/host'
import { addressAt } from '@canopus/network'
import {
  type CertifiedKey,
  type ClusterPki,
  ensureClusterPki,
  ensureLeaf,
  isFit,
  issueCertificate,
  type LeafOptions,
  readTextIfPresent,
  writeFileAtomic,
} from '@canopus/platform'
import { type ClusterConfig, type NodeConfig, pathsOf } from './config.ts'

/** The group whose members may do everything (bound to cluster-admin at bootstrap, so that it can be taken away again). */
const ADMINISTRATORS = 'system:masters'

/** The cluster's keys and certificates. What nears its end is issued anew. */
export const clusterPkiOf = (config: ClusterConfig, clock: Clock): Promise<ClusterPki> =>
  ensureClusterPki(pathsOf(config).pki, {
    clusterName: config.name,
    clusterDomain: config.domain,
    addresses: [...new Set([addressAt(config.serviceCidr, 1), ...config.apiAddresses])],
    clock,
  })

/**
 * The cluster's keys and certificates, and kubeconfigs for the administrator and for what runs on the nodes. What nears its end is
 * issued anew.
 */
export async function ensureCredentials(config: ClusterConfig, clock: Clock): Promise<ClusterPki> {
  const paths = pathsOf(config)
  const pki = await clusterPkiOf(config, clock)
  const users = [
    {
      file: paths.adminKubeconfig,
      commonName: 'kubernetes-admin',
      organizations: [ADMINISTRATORS],
      server: config.apiAddresses[0]!,
    },
    ...config.nodes.flatMap(node => {
      const own = paths.node(node.name)
      const server = config.apiAddresses.at(-1)!
      return [
        {
          file: own.kubeconfig('kubelet'),
          commonName: `system:node:${node.name}`,
          organizations: ['system:nodes'],
          server,
        },
        { file: own.kubeconfig('proxy'), commonName: 'system:kube-proxy', organizations: [], server },
        {
          file: own.kubeconfig('dns'),
          commonName: 'system:canopus:dns',
          organizations: [],
          server,
        },
        { file: own.kubeconfig('volumes'), commonName: 'system:canopus:volumes', organizations: [], server },
      ]
    }),
  ]
  for (const user of users) {
    const { commonName, organizations } = user
    const wanted: LeafOptions = { commonName, organizations, purposes: ['client auth'], clock }
    if (isKept(user.file, pki.ca, wanted)) continue
    const pair = await issueCertificate(pki.ca, wanted)
    rmSync(user.file, { force: true })
    mergeKubeconfig(user.file, {
      name: config.name,
      server: `https://${user.server}:${config.apiPort}`,
      ca: pki.ca.certificate,
      cert: pair.certificate,
      key: pair.key,
      makeCurrent: true,
    })
  }
  for (const node of config.nodes) await ensureServingCertificate(config, node, pki, clock)
  return pki
}

/** Whether a kubeconfig has a certificate that is good for some time still. */
function isKept(path: string, ca: CertifiedKey, wanted: LeafOptions): boolean {
  let user: KubeconfigUser
  try {
    user = readKubeconfigUser(path)
  } catch {
    return false // not there, or damaged: it is ours to write anew
  }
  const { cert: certificate, key } = user
  return certificate !== undefined && key !== undefined && isFit({ certificate, key }, ca, wanted)
}

/** What the kubelet shows to the API server. */
async function ensureServingCertificate(
  config: ClusterConfig,
  node: NodeConfig,
  pki: ClusterPki,
  clock: Clock,
): Promise<void> {
  const { certificate, key } = pathsOf(config).node(node.name).serving
  const pathOf = (name: string): string => (name.endsWith('.key') ? key : certificate)
  await ensureLeaf(
    {
      read: name => readTextIfPresent(pathOf(name)),
      write: (name, content, mode) => writeFileAtomic(pathOf(name), content, mode),
    },
    'kubelet',
    pki.ca,
    {
      commonName: `system:node:${node.name}`,
      organizations: ['system:nodes'],
      hosts: [node.name, node.address],
      purposes: ['server auth'],
      clock,
    },
  )
}

/** How often a running cluster looks whether certificates near their end, in milliseconds. */
const LOOK_EVERY = 600_000

/** Issues certificates anew that near their end, for as long as the signal allows, and tells what is valid then. */
export async function keepCredentials(
  config: ClusterConfig,
  { clock, logger }: { clock: Clock; logger: Logger },
  valid: (pki: ClusterPki) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(clock, LOOK_EVERY, signal).catch(() => {})
    if (signal.aborted) return
    try {
      valid(await ensureCredentials(config, clock))
    } catch (error) {
      logger.error('certificates could not be renewed', { error })
    }
  }
}
