import { networkInterfaces } from 'node:os'
import { join, posix } from 'node:path'
import {
  type AggregationOptions,
  countedGrpcCalls,
  createSecurity,
  type FlagValues,
  loadDescriptions,
  ServiceRange,
  type StoreElsewhere,
  tracedGrpcCall,
} from '@canopus/apiserver'
import { type Logger, whenAborted } from '@canopus/base'
import { type CliEnvironment, Failure, type StoreConfig } from '@canopus/cli'
import {
  publishAuthentication,
  runApiServerLoops,
  type StartApiServerOptions,
  startApiServer,
} from '@canopus/control-plane'
import { type CertifiedKey, LogVerbosity, systemClock, systemRandom, tuneEngine } from '@canopus/platform'
import type { Store } from '@canopus/store'
import { type Command, Option } from 'commander'
import { address, fileIfGiven, fileOf, given, integer, list, lists, oneOf, validated } from '../flags.ts'
import { type AskedVersion, storageMediaType } from './api-flags.ts'
import { ClientAuthorities } from './client-authorities.ts'
import {
  addFlagsWithoutEffect,
  addLogFlags,
  addVersionFlag,
  componentLogger,
  LOG_WITHOUT_EFFECT,
  type LogFlags,
  reportFlagsWithoutEffect,
} from './common-flags.ts'
import { componentAddresses } from './component-ports.ts'
import { type EtcdOverride, etcdClusters, etcdOverrides } from './etcd-overrides.ts'
import { flagValues } from './flag-values.ts'
import { addListenFlags, type ListenFlags, listenOptions } from './listen-flags.ts'
import { isLoopback, localHosts, ownAddress } from './own-address.ts'
import { addPeerFlags, type PeerFlags, peerAddress, peersOptions } from './peer-flags.ts'
import { portRange } from './port-range.ts'
import { addDebugSocketFlag, addProfilingFlag, type ProfilingFlags, startProfiling } from './profiling-flags.ts'
import { publicAddress } from './public-address.ts'
import {
  addSecurityFlags,
  authenticationFacts,
  reportAnonymousAccess,
  type SecurityFlags,
  securityOptions,
} from './security-flags.ts'
import { serverIdentity } from './server-identity.ts'
import { followCertificate, servingCertificate, servingFiles } from './serving-certificate.ts'
import { addSharedFlags, applySharedFlags, type SharedFlags } from './shared-flags.ts'
import { addSniFlag, SniCertificates, type SniFlags } from './sni-certificates.ts'
import { openStore } from './store.ts'
import { addTlsFlags, type TlsFlags, tlsPolicy } from './tls-flags.ts'
import { addTokenSignerFlag, type TokenSignerFlags, tokenSignerOf } from './token-signer.ts'
import { addTuningFlags, type TuningFlags, tuningOptions } from './tuning-flags.ts'
import { addWatchCacheFlags, type WatchCacheFlags, watchCacheOptions } from './watch-cache-flags.ts'

interface ApiServerFlags
  extends ListenFlags,
    WatchCacheFlags,
    SniFlags,
    TlsFlags,
    LogFlags,
    ProfilingFlags,
    PeerFlags,
    SecurityFlags,
    SharedFlags,
    TokenSignerFlags,
    TuningFlags {
  storageBackend?: 'embedded' | 'memory' | 'etcd' | 'etcd3'
  dataDir: string
  etcdServers?: string[]
  etcdServersOverrides?: readonly EtcdOverride[]
  etcdCafile?: string
  etcdCertfile?: string
  etcdKeyfile?: string
  etcdPrefix?: string
  advertiseAddress?: string
  externalHostname?: string
  egressSelectorConfigFile?: string
  certDir: string
  tlsCertFile?: string
  tlsPrivateKeyFile?: string
  proxyClientCertFile?: string
  proxyClientKeyFile?: string
  serviceClusterIpRange: string
  serviceNodePortRange: { from: number; to: number }
  kubernetesServiceNodePort: number
  endpointReconcilerType: 'lease' | 'master-count' | 'none'
  kubeletClientCertificate?: string
  kubeletClientKey?: string
  kubeletCertificateAuthority?: string
  kubeletPreferredAddressTypes?: string[]
  version?: AskedVersion
}

/** What they tune is not there (Go's profiles of locks, the machine's logs), or is always so; some have no effect upstream either. */
const WITHOUT_EFFECT = [
  ...LOG_WITHOUT_EFFECT,
  'contention-profiling',
  'coordinated-leadership-lease-duration',
  'coordinated-leadership-renew-deadline',
  'coordinated-leadership-retry-period',
  'default-watch-cache-size',
  'enable-logs-handler',
  'kubelet-read-only-port',
  'kubelet-timeout',
  'permit-address-sharing',
  'storage-initialization-timeout',
]

/** `canopus apiserver`: the API server alone, with kube-apiserver's flags. */
export function addApiServer(program: Command, environment: CliEnvironment): Command {
  const command = program.command('apiserver').description('run an API server alone')
  const data = join(environment.home.root, 'apiserver')
  addStoreFlags(command, data)
  addListenFlags(command)
  addWatchCacheFlags(command)
  command
    .option(
      '--advertise-address <address>',
      'where pods reach this server (default: the address of the first interface)',
      address,
    )
    .option(
      '--egress-selector-config-file <file>',
      'by which proxies nodes, pods, services, webhooks and etcd are reached',
    )
    .option('--external-hostname <name>', 'under which clients are told to find it (default: the advertised address)')
    .option('--cert-dir <directory>', 'where a certificate is made if none is given', join(data, 'certificates'))
    .option('--tls-cert-file <file>', 'certificate of the HTTPS listener')
    .option('--tls-private-key-file <file>', 'its key')
    .option('--service-cluster-ip-range <cidrs>', 'addresses of services', '10.96.0.0/16')
    .option('--service-node-port-range <from-to>', 'ports of services on every node', portRange, {
      from: 30000,
      to: 32767,
    })
    .option(
      '--kubernetes-service-node-port <port>',
      'port of every node that leads to the service kubernetes; 0 for none',
      validated(integer, port =>
        port < 0 || port > 65_535
          ? `--kubernetes-service-node-port ${port} must be between 0 and 65535, inclusive. If 0, the Kubernetes master service will be of type ClusterIP`
          : undefined,
      ),
      0,
    )
    .addOption(
      new Option(
        '--endpoint-reconciler-type <type>',
        'how the endpoints of the service kubernetes are kept: lease, none, or the deprecated master-count',
      )
        .argParser(oneOf(['lease', 'master-count', 'none'], type => `endpoint reconciler not implemented: ${type}`))
        .default('lease'),
    )
    .option('--kubelet-client-certificate <file>', 'certificate with which kubelets are called')
    .option('--kubelet-client-key <file>', 'its key')
    .option('--kubelet-certificate-authority <file>', "authority of the kubelets' certificates (default: not verified)")
    .option('--kubelet-preferred-address-types <types>', 'which address of a node is called', list)
    .option('--proxy-client-cert-file <file>', 'certificate with which extension API servers are called')
    .option('--proxy-client-key-file <file>', 'its key')
  addPeerFlags(command)
  addSniFlag(command)
  addTlsFlags(command)
  addSecurityFlags(command)
  addTokenSignerFlag(command)
  addSharedFlags(command)
  addTuningFlags(command)
  addProfilingFlag(command)
  addDebugSocketFlag(command)
  addFlagsWithoutEffect(command, WITHOUT_EFFECT)
  addVersionFlag(command)
  addLogFlags(command)
  return command.action((flags: ApiServerFlags) => {
    const verbosity = new LogVerbosity(flags.v)
    const logger = componentLogger(flags, 'apiserver', verbosity)
    reportFlagsWithoutEffect(command, WITHOUT_EFFECT, logger)
    return runApiServer(flags, flagValues(command), { logger, verbosity }, environment.signal)
  })
}

function addStoreFlags(command: Command, data: string): void {
  command
    .addOption(
      new Option(
        '--storage-backend <kind>',
        'where objects are stored: embedded, memory or etcd3 (default: etcd3 where --etcd-servers is given, else embedded)',
      ).argParser(
        oneOf(
          ['embedded', 'memory', 'etcd', 'etcd3'],
          () =>
            "--storage-backend invalid, allowed values: etcd3, embedded, memory. If not specified, it will default to 'etcd3'",
        ),
      ),
    )
    .option('--data-dir <directory>', 'of the embedded store', data)
    .option('--storage-media-type <type>', 'as what objects are stored: application/json', storageMediaType)
    .option('--etcd-servers <urls>', 'comma-separated etcd endpoints', lists)
    .option(
      '--etcd-servers-overrides <overrides>',
      'resources that are kept elsewhere: group/resource#servers, comma-separated, servers by semicolons',
      etcdOverrides,
    )
    .option('--etcd-cafile <file>', 'authority of the etcd servers')
    .option('--etcd-certfile <file>', 'client certificate for etcd')
    .option('--etcd-keyfile <file>', 'its key')
    .option('--etcd-prefix <prefix>', 'with what all keys in etcd begin (default: /registry)', joinedToRoot)
}

/** As upstream joins it to the root of all paths: one slash before it, none behind it. */
const joinedToRoot = (prefix: string): string => posix.join('/', prefix).replace(/(?<=.)\/$/, '')

async function runApiServer(
  flags: ApiServerFlags,
  values: FlagValues,
  { logger, verbosity }: { logger: Logger; verbosity: LogVerbosity },
  signal: AbortSignal,
): Promise<void> {
  const storage = storeConfig(flags)
  const advertise = flags.advertiseAddress ?? ownAddress(flags.bindAddress, networkInterfaces())
  const serviceAddress = new ServiceRange(flags.serviceClusterIpRange.split(',')[0]!).addressAt(0)
  if (flags.endpointReconcilerType !== 'none') checkFamilies(flags.serviceClusterIpRange, advertise)
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, certDir: directory } = flags
  const files = { certFile, keyFile, directory, name: 'apiserver' }
  let shown = await servingCertificate({
    ...files,
    hosts: [advertise, serviceAddress, ...localHosts(flags.bindAddress), 'kubernetes.default.svc'],
    clock: systemClock,
  })
  const sni = new SniCertificates(flags)
  const policy = tlsPolicy(flags)
  const authorities = new ClientAuthorities(flags)
  const root = process.env.CANOPUS_ROOT ?? '.'
  reportAnonymousAccess(flags, logger)
  const identity = serverIdentity()
  const aggregation = aggregationOptions(flags)
  const applied = await applySharedFlags(flags, identity.name, logger, flags.egressSelectorConfigFile)
  const { egress } = applied
  const signer = await tokenSignerOf(flags, logger, applied.extras.metrics)
  const address = publicAddress(flags.externalHostname ?? advertise, flags.securePort)
  const security = createSecurity({
    serviceAccountJwksUri: `https://${address}/openid/v1/jwks`,
    ...securityOptions(flags, authorities, { ...given({ signer: signer?.options }), egress }),
  })
  tuneEngine()
  const { metrics } = applied.extras
  const aroundCall = metrics === undefined ? tracedGrpcCall : countedGrpcCalls(metrics, tracedGrpcCall)
  const opened = async (config: StoreConfig): Promise<Store> =>
    applied.stored(
      await openStore(config, flags.dataDir, logger, {
        aroundCall,
        ...given({ leaseReuseSeconds: flags.leaseReuseDurationSeconds, dial: egress?.etcd }),
      }),
    )
  const profiling = await startProfiling(flags, verbosity, logger)
  const elsewhere: StoreElsewhere[] = []
  const store = await opened(storage)
  const basics = { store, elsewhere, clock: systemClock, random: systemRandom, logger }
  try {
    for (const { servers, resources } of etcdClusters(flags.etcdServersOverrides ?? []))
      elsewhere.push({ store: await opened({ ...storage, servers: [...servers] }), resources })
    const options: StartApiServerOptions = {
      ...basics,
      ...applied.extras,
      ...watchCacheOptions(flags),
      tuning: tuningOptions(flags),
      flags: values,
      ...profiling.served,
      serving: {
        ...applied.extras.serving,
        ...(typeof flags.version === 'string' ? { gitVersion: flags.version } : {}),
      },
      ...kubeletCredentials(flags),
      components: componentAddresses(),
      identity: { ...identity, address: peerAddress(flags, advertise, flags.securePort) },
      ...peersOptions(flags, aggregation, applied.extras.featureGates?.enabled('UnknownVersionInteroperabilityProxy')),
      aggregation: { ...aggregation, passesRedirects: !flags.aggregatorRejectForwardingRedirect },
      egress,
      security,
      serviceCidr: flags.serviceClusterIpRange,
      publicAddress: address,
      nodePortRange: flags.serviceNodePortRange,
      descriptions: () => loadDescriptions(join(root, 'dist/descriptions.json.gz')),
      bootstrap: {
        nodeBootstrap: flags.enableBootstrapTokenAuth,
        ...serviceFacts(flags, serviceAddress, advertise, logger),
        ...given({ authentication: authenticationFacts(flags, authorities) }),
      },
    }
    const server = await startApiServer(options)
    const serving = () => ({ key: shown.key, cert: shown.certificate, named: sni.all, policy, ...authorities.all })
    const listener = await server.listen({ ...listenOptions(flags), tls: serving() })
    followCertificate(servingFiles(files), pair => {
      shown = pair
      listener.setTls(serving())
    })
    sni.follow(() => listener.setTls(serving()))
    authorities.follow(() => {
      listener.setTls(serving())
      const facts = authenticationFacts(flags, authorities)
      logger.info('the authorities of client certificates are others')
      if (facts !== undefined) void publishAuthentication(server, facts, logger)
    })
    logger.info('the API server is listening', { address: flags.bindAddress, port: flags.securePort })
    await Promise.all([
      runApiServerLoops(server, options, signal),
      applied.run(signal),
      signer?.run(signal),
      whenAborted(signal),
    ])
    await server.stop()
  } finally {
    await profiling.close()
    await Promise.all([store, ...elsewhere.map(each => each.store)].map(each => each.close()))
  }
}

function storeConfig(flags: ApiServerFlags): StoreConfig {
  const asked = flags.storageBackend === 'etcd3' ? 'etcd' : flags.storageBackend
  const kind = asked ?? (flags.etcdServers ? 'etcd' : 'embedded')
  if (kind === 'etcd' && !flags.etcdServers) throw new Failure('--storage-backend=etcd needs --etcd-servers')
  if (kind !== 'etcd' && flags.etcdPrefix !== undefined)
    throw new Failure(`--etcd-prefix does not go with --storage-backend=${kind}`)
  if (kind !== 'etcd' && flags.etcdServers) throw new Failure(`--etcd-servers do not go with --storage-backend=${kind}`)
  if (kind !== 'etcd' && flags.etcdServersOverrides)
    throw new Failure(`--etcd-servers-overrides do not go with --storage-backend=${kind}`)
  return {
    kind,
    ...given({
      servers: flags.etcdServers,
      caFile: flags.etcdCafile,
      certFile: flags.etcdCertfile,
      keyFile: flags.etcdKeyfile,
      prefix: flags.etcdPrefix,
    }),
  } as StoreConfig
}

function kubeletCredentials(flags: ApiServerFlags): Pick<Parameters<typeof startApiServer>[0], 'kubelet'> {
  const { kubeletClientCertificate, kubeletClientKey, kubeletCertificateAuthority, kubeletPreferredAddressTypes } =
    flags
  const own = clientCertificate({
    'kubelet-client-certificate': kubeletClientCertificate,
    'kubelet-client-key': kubeletClientKey,
  })
  const ca = fileIfGiven('kubelet-certificate-authority', kubeletCertificateAuthority)
  return {
    kubelet: {
      get cert() {
        return own()?.certificate
      },
      get key() {
        return own()?.key
      },
      ...given({ ca, addressTypes: kubeletPreferredAddressTypes, port: flags.kubeletPort }),
    },
  }
}

type Flag = [name: string, value: string | undefined]

function aggregationOptions({ proxyClientCertFile, proxyClientKeyFile }: ApiServerFlags): AggregationOptions {
  const own = clientCertificate({
    'proxy-client-cert-file': proxyClientCertFile,
    'proxy-client-key-file': proxyClientKeyFile,
  })
  return {
    proxyClient: () => {
      const pair = own()
      return pair && { cert: pair.certificate, key: pair.key }
    },
  }
}

/** What others are shown, as the files have it now: that of the certificate, and that of its key, by flag. */
function clientCertificate(files: Readonly<Record<string, string | undefined>>): () => CertifiedKey | undefined {
  const [[certificateFlag, certificate], [keyFlag, key]] = Object.entries(files) as [Flag, Flag]
  if (certificate === undefined || key === undefined) return () => undefined
  let pair = { certificate: fileOf(certificateFlag, certificate), key: fileOf(keyFlag, key) }
  followCertificate({ certificate, key }, renewed => {
    pair = renewed
  })
  return () => pair
}

/** Where pods find the service `kubernetes` they must find the server, in upstream's words. */
function checkFamilies(serviceRanges: string, address: string): void {
  const [first = ''] = serviceRanges.split(',')
  if (isLoopback(address) || first.includes(':') === address.includes(':')) return
  throw new Failure(
    `service IP family ${JSON.stringify(first)} must match public address family ${JSON.stringify(address)}`,
  )
}

/** The service `kubernetes`. It cannot lead to loopback: pods have one of their own. */
function serviceFacts(
  flags: ApiServerFlags,
  clusterIP: string,
  address: string,
  logger: Logger,
): Pick<Parameters<typeof startApiServer>[0]['bootstrap'], 'service'> {
  const { securePort: port, kubernetesServiceNodePort: nodePort } = flags
  const { from, to } = flags.serviceNodePortRange
  if (nodePort !== 0 && (nodePort < from || nodePort > to))
    throw new Failure(`kubernetes service node port range ${from}-${to} doesn't contain ${nodePort}`)
  const counted = flags.endpointReconcilerType === 'master-count' ? { servers: flags.apiserverCount } : {}
  const service = { clusterIP, port, ...counted, ...(nodePort === 0 ? {} : { nodePort }) }
  if (flags.endpointReconcilerType === 'none') return { service }
  if (!isLoopback(address)) return { service: { ...service, address } }
  logger.warn('pods cannot reach a loopback address: the service "kubernetes" has no endpoints', { address })
  return { service }
}
