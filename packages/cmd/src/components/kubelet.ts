import { existsSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Taint } from '@canopus/api/core/v1'
import type { Logger } from '@canopus/base'
import { type CliEnvironment, Failure } from '@canopus/cli'
import { type Cri, connectCri } from '@canopus/cri'
import { readKubeconfigUser } from '@canopus/host'
import { createKubelet, type Kubelet, type KubeletOptions, readMachineFacts } from '@canopus/kubelet'
import { createEventRecorder } from '@canopus/operator'
import { type CertifiedKey, systemClock, systemRandom } from '@canopus/platform'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { bool, fileOf, list, number, pairs, required } from '../flags.ts'
import { type Access, accessBy, kubeconfigTransport } from './access.ts'
import {
  addFlagsWithoutEffect,
  addLogFlags,
  addVersionFlag,
  componentLogger,
  LOG_WITHOUT_EFFECT,
  type LogFlags,
  reportFlagsWithoutEffect,
} from './common-flags.ts'
import { applyComponentConfig } from './component-config.ts'
import { addFeatureGateFlag, type FeatureGateFlags, featureGatesOf } from './feature-flags.ts'
import { clientCertificateFile, renewedTransport } from './kubelet-bootstrap.ts'
import { KUBELET_CONFIGURATION } from './kubelet-config.ts'
import { isLoopback, ownAddress } from './own-address.ts'
import { runtimeReady } from './runtime.ts'
import { followCertificate, servingCertificate } from './serving-certificate.ts'
import { addTlsFlags, type TlsFlags, tlsPolicy } from './tls-flags.ts'

interface KubeletFlags extends FeatureGateFlags, LogFlags, TlsFlags {
  config?: string
  kubeconfig?: string
  bootstrapKubeconfig?: string
  rotateCertificates: boolean
  containerRuntimeEndpoint: string
  rootDir: string
  podLogsDir?: string
  hostnameOverride?: string
  nodeIp?: string[]
  address: string
  port: number
  clusterDns?: string[]
  clusterDomain: string
  resolvConf?: string
  nodeLabels?: Record<string, string>
  registerWithTaints?: Taint[]
  maxPods?: number
  podCidr?: string
  providerId?: string
  systemReserved?: Record<string, string>
  cgroupDriver: 'cgroupfs' | 'systemd'
  certDir?: string
  clientCaFile?: string
  tlsCertFile?: string
  tlsPrivateKeyFile?: string
  enableSystemLogQuery: boolean
}

const WITHOUT_EFFECT = [...LOG_WITHOUT_EFFECT, 'pod-infra-container-image', 'register-node', 'fail-swap-on']

/** `canopus kubelet`: the node agent of this machine alone, with kubelet's flags. */
export function addKubelet(program: Command, environment: CliEnvironment): Command {
  const command = program
    .command('kubelet')
    .description("run this machine's kubelet alone, on a container runtime that runs already")
    .option('--config <file>', 'a KubeletConfiguration; flags win over it')
    .option('--kubeconfig <file>', 'how to reach the API server; written where it is missing and bootstrapped')
    .option('--bootstrap-kubeconfig <file>', 'with which the first certificate is asked for')
    .option('--rotate-certificates [bool]', "renew the kubeconfig's client certificate", bool, false)
    .option(
      '--enable-system-log-query [bool]',
      "answer /logs/?query= with the logs of the node's services",
      bool,
      false,
    )
    .option('--container-runtime-endpoint <socket>', 'the CRI socket', 'unix:///run/containerd/containerd.sock')
    .option('--root-dir <directory>', 'where volumes and state are', '/var/lib/kubelet')
    .option('--pod-logs-dir <directory>', 'where container logs are (default: /var/log/pods)')
    .option('--hostname-override <name>', "the node's name (default: the machine's)")
    .option('--node-ip <addresses>', "the node's addresses (default: of the first interface)", list)
    .option('--address <address>', 'where the kubelet listens', '0.0.0.0')
    .option('--port <port>', 'port of the kubelet', number(0, 65_535), 10250)
    .option('--cluster-dns <addresses>', 'where pods ask for names', list)
    .option('--cluster-domain <name>', "the cluster's domain", 'cluster.local')
    .option('--resolv-conf <file>', 'the resolvers of pods outside the cluster DNS')
    .option('--node-labels <labels>', 'labels of the node when it registers', pairs)
    .option('--register-with-taints <taints>', 'taints of the node when it registers: key=value:effect', taints)
    .option('--max-pods <count>', 'how many pods the node takes (default: 110)', number(1, 10_000))
    .option('--pod-cidr <cidr>', 'addresses of pods, where no controller gives them')
    .option('--provider-id <id>', "the machine's name at its provider")
    .option('--system-reserved <resources>', 'kept for the system: cpu=200m,memory=500Mi', pairs)
    .addOption(
      new Option('--cgroup-driver <driver>', 'who makes cgroups').choices(['cgroupfs', 'systemd']).default('cgroupfs'),
    )
    .option('--cert-dir <directory>', 'where certificates are kept (default: pki in --root-dir)')
    .option('--client-ca-file <file>', 'authority of those who may call the kubelet (default: that of the kubeconfig)')
    .option('--tls-cert-file <file>', 'certificate of the kubelet')
    .option('--tls-private-key-file <file>', 'its key')
  addTlsFlags(command)
  addFeatureGateFlag(command)
  addFlagsWithoutEffect(command, WITHOUT_EFFECT)
  addVersionFlag(command)
  addLogFlags(command)
  return command.action(({ config }: KubeletFlags) => {
    applyComponentConfig(command, config, KUBELET_CONFIGURATION)
    const flags = command.opts<KubeletFlags>()
    featureGatesOf(flags, 'kubelet')
    const logger = componentLogger(flags, 'kubelet')
    reportFlagsWithoutEffect(command, WITHOUT_EFFECT, logger)
    return runKubelet(flags, logger, environment)
  })
}

/** `key=value:effect`, `key:effect`; comma-separated. */
function taints(text: string): Taint[] {
  return list(text).map(part => {
    const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(part)
    if (!match) throw new InvalidArgumentError(`${part} is not of the form key=value:NoSchedule.`)
    const [, key, value, effect] = match as unknown as [string, string, string | undefined, Taint['effect']]
    return { key, effect, ...(value === undefined || value === '' ? {} : { value }) }
  })
}

async function runKubelet(flags: KubeletFlags, logger: Logger, { signal, uid }: CliEnvironment): Promise<void> {
  if (uid !== 0) throw new Failure('the kubelet needs root', 'Run the command with sudo.')
  const nodeName = (flags.hostnameOverride ?? hostname()).toLowerCase()
  const kubeconfig = required('kubeconfig', flags.kubeconfig)
  const certDir = flags.certDir ?? join(flags.rootDir, 'pki')
  const { bootstrapKubeconfig: bootstrap, rotateCertificates } = flags
  const bootstrapped =
    bootstrap !== undefined && (!existsSync(kubeconfig) || existsSync(clientCertificateFile(certDir)))
  const transport =
    bootstrapped || rotateCertificates
      ? await renewedTransport(
          { kubeconfig, bootstrap: bootstrapped ? bootstrap : undefined, certDir, nodeName, logger },
          signal,
        )
      : kubeconfigTransport(kubeconfig)
  const access = accessBy(transport, logger, 'kubelet')
  const socket = flags.containerRuntimeEndpoint.replace(/^unix:\/\//, '')
  const cri = connectCri(socket, systemClock)
  try {
    await runtimeReady(socket, cri, logger, signal)
    const kubelet = createNodeKubelet(access, cri, logger, await kubeletOptions(flags, nodeName, certDir, kubeconfig))
    access.informers.start(signal)
    await kubelet.run(signal)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    access.close()
    cri.close()
  }
}

type OwnOptions = Omit<
  KubeletOptions,
  'client' | 'informers' | 'events' | 'cri' | 'clock' | 'random' | 'logger' | 'machine'
>

/** A kubelet on this machine. */
export function createNodeKubelet(access: Access, cri: Cri, logger: Logger, options: OwnOptions): Kubelet {
  const { client, informers } = access
  const clock = systemClock
  return createKubelet({
    client,
    informers,
    events: createEventRecorder({ client, clock, logger, component: 'kubelet', host: options.nodeName }),
    cri,
    clock,
    random: systemRandom,
    logger,
    machine: readMachineFacts(),
    ...options,
  })
}

async function kubeletOptions(
  flags: KubeletFlags,
  nodeName: string,
  certDir: string,
  kubeconfig: string,
): Promise<OwnOptions> {
  const nodeIps = flags.nodeIp ?? [firstAddress()]
  const serving = await servingCertificate({
    certFile: flags.tlsCertFile,
    keyFile: flags.tlsPrivateKeyFile,
    directory: certDir,
    name: 'kubelet',
    hosts: [nodeName, ...nodeIps],
    clock: systemClock,
  })
  return {
    nodeName,
    nodeIps,
    dirs: { root: flags.rootDir, ...(flags.podLogsDir === undefined ? {} : { logs: flags.podLogsDir }) },
    dns: {
      domain: flags.clusterDomain,
      ...(flags.clusterDns?.[0] === undefined ? {} : { clusterIp: flags.clusterDns[0] }),
      ...(flags.resolvConf === undefined ? {} : { resolvConf: flags.resolvConf }),
    },
    server: {
      address: flags.address,
      port: flags.port,
      certificate: serving.certificate,
      key: serving.key,
      clientCa: clientCa(flags, kubeconfig),
      tlsPolicy: tlsPolicy(flags),
      systemLogQuery: flags.enableSystemLogQuery,
      ...renewalOf(flags),
    },
    cgroups: { driver: flags.cgroupDriver },
    ...(flags.maxPods === undefined ? {} : { maxPods: flags.maxPods }),
    ...(flags.nodeLabels === undefined ? {} : { labels: flags.nodeLabels }),
    ...(flags.registerWithTaints === undefined ? {} : { taints: flags.registerWithTaints }),
    ...(flags.podCidr === undefined ? {} : { podCidr: flags.podCidr }),
    ...(flags.providerId === undefined ? {} : { providerId: flags.providerId }),
    ...(flags.systemReserved === undefined ? {} : { reserved: flags.systemReserved }),
  }
}

/** The files of the flags are read again when they change (upstream pkg/kubelet/certificate/kubelet.go). */
function renewalOf({ tlsCertFile: certificate, tlsPrivateKeyFile: key }: KubeletFlags) {
  if (certificate === undefined || key === undefined) return {}
  return {
    onRenewal: (renewed: (pair: CertifiedKey) => void) => void followCertificate({ certificate, key }, renewed),
  }
}

function clientCa({ clientCaFile }: KubeletFlags, kubeconfig: string): string {
  if (clientCaFile !== undefined) return fileOf('client-ca-file', clientCaFile)
  const { ca } = readKubeconfigUser(kubeconfig)
  return required('client-ca-file', ca)
}

function firstAddress(): string {
  const address = ownAddress('0.0.0.0', networkInterfaces())
  return required('node-ip', isLoopback(address) ? undefined : address)
}
