import { existsSync } from 'node:fs'
import type { Clock } from '@canopus/base'
import { mergeKubeconfig } from '@canopus/host'
import { addressAt } from '@canopus/network'
import {
  type ClusterPki,
  ensureClusterPki,
  issueCertificate,
  issueClientCertificate,
  writeFileAtomic,
} from '@canopus/platform'
import { type ClusterConfig, type NodeConfig, pathsOf } from './config.ts'

/** The group whose members may do everything (bound to cluster-admin at bootstrap, so that it can be taken away again). */
const ADMINISTRATORS = 'system:masters'

/** The cluster's keys and certificates, and kubeconfigs for the administrator and for what runs on the nodes. */
export async function ensureCredentials(config: ClusterConfig, clock: Clock): Promise<ClusterPki> {
  const paths = pathsOf(config)
  const pki = await ensureClusterPki(paths.pki, {
    clusterName: config.name,
    clusterDomain: config.domain,
    addresses: [...new Set([addressAt(config.serviceCidr, 1), ...config.apiAddresses])],
    clock,
  })
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
  for (const user of users.filter(each => !existsSync(each.file))) {
    const pair = await issueClientCertificate(pki.ca, {
      commonName: user.commonName,
      organizations: user.organizations,
      clock,
    })
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

/** What the kubelet shows to the API server. */
async function ensureServingCertificate(
  config: ClusterConfig,
  node: NodeConfig,
  pki: ClusterPki,
  clock: Clock,
): Promise<void> {
  const { certificate, key } = pathsOf(config).node(node.name).serving
  if (existsSync(certificate) && existsSync(key)) return
  const pair = await issueCertificate(pki.ca, {
    commonName: `system:node:${node.name}`,
    organizations: ['system:nodes'],
    hosts: [node.name, node.address],
    purposes: ['server auth'],
    clock,
  })
  writeFileAtomic(key, pair.key, 0o600)
  writeFileAtomic(certificate, pair.certificate)
}
