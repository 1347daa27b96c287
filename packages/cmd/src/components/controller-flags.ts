/** Flags of kube-controller-manager that are about single controllers (cmd/kube-controller-manager/app/options). */
import { Failure } from '@canopus/cli'
import type { ControllerManagerOptions } from '@canopus/control-plane'
import type { Command } from 'commander'
import { duration, fileOf, given, number, required } from '../flags.ts'

const MOST = 2_147_483_647

/** How many keys of a controller are worked on at once: flag, controller and the largest value. */
const WORKERS: readonly (readonly [flag: string, controller: string, most?: number])[] = [
  ['concurrent-cron-job-syncs', 'cronjob-controller'],
  ['concurrent-daemonset-syncs', 'daemonset-controller'],
  ['concurrent-deployment-syncs', 'deployment-controller'],
  ['concurrent-device-taint-eviction-syncs', 'device-taint-eviction-controller'],
  ['concurrent-endpoint-syncs', 'endpoints-controller'],
  ['concurrent-ephemeralvolume-syncs', 'ephemeral-volume-controller'],
  ['concurrent-gc-syncs', 'garbage-collector-controller'],
  ['concurrent-horizontal-pod-autoscaler-syncs', 'horizontal-pod-autoscaler-controller'],
  ['concurrent-job-syncs', 'job-controller'],
  ['concurrent-namespace-syncs', 'namespace-controller'],
  ['concurrent-rc-syncs', 'replicationcontroller-controller'],
  ['concurrent-replicaset-syncs', 'replicaset-controller'],
  ['concurrent-resource-quota-syncs', 'resourcequota-controller'],
  ['concurrent-resourceclaim-syncs', 'resourceclaim-controller'],
  ['concurrent-service-endpoint-syncs', 'endpointslice-controller', 50],
  ['concurrent-serviceaccount-token-syncs', 'serviceaccount-token-controller'],
  ['concurrent-statefulset-syncs', 'statefulset-controller'],
  ['concurrent-ttl-after-finished-syncs', 'ttl-after-finished-controller'],
  ['concurrent-validating-admission-policy-status-syncs', 'validatingadmissionpolicy-status-controller'],
  ['mirroring-concurrent-service-endpoint-syncs', 'endpointslice-mirroring-controller', 50],
]

/** Signers that may have authorities of their own, as their flags call them. */
const SIGNERS: Readonly<Record<string, string>> = {
  'kubelet-serving': 'kubernetes.io/kubelet-serving',
  'kubelet-client': 'kubernetes.io/kube-apiserver-client-kubelet',
  'kube-apiserver-client': 'kubernetes.io/kube-apiserver-client',
  'legacy-unknown': 'kubernetes.io/legacy-unknown',
}

/** Values by the names of their flags in camel case, as commander has them. */
export interface ControllerFlags {
  clusterSigningCertFile?: string
  clusterSigningKeyFile?: string
  clusterSigningDuration?: number
  allocateNodeCidrs: boolean
  clusterCidr?: string[]
  nodeCidrMaskSize?: number
  nodeCidrMaskSizeIpv4?: number
  nodeCidrMaskSizeIpv6?: number
  endpointUpdatesBatchPeriod?: number
  endpointsliceUpdatesBatchPeriod?: number
  maxEndpointsPerSlice?: number
  mirroringEndpointsliceUpdatesBatchPeriod?: number
  mirroringMaxEndpointsPerSubset?: number
  resourceQuotaSyncPeriod?: number
  legacyServiceAccountTokenCleanUpPeriod?: number
}

export function addControllerFlags(command: Command): void {
  for (const [flag, controller, most = MOST] of WORKERS)
    command.option(`--${flag} <count>`, `how much ${controller} works on at once`, number(1, most))
  command
    .option('--node-cidr-mask-size-ipv4 <bits>', "the same of a node's IPv4 range", number(1, 32))
    .option('--node-cidr-mask-size-ipv6 <bits>', "the same of a node's IPv6 range", number(1, 128))
    .option('--max-endpoints-per-slice <count>', 'how many endpoints a slice has at most', number(1, 1000))
    .option('--mirroring-max-endpoints-per-subset <count>', 'the same of those mirrored', number(1, 1000))
    .option('--endpoint-updates-batch-period <duration>', 'how long changes of pods are gathered', duration)
    .option('--endpointslice-updates-batch-period <duration>', 'the same for slices', duration)
    .option('--mirroring-endpointslice-updates-batch-period <duration>', 'the same for what is mirrored', duration)
    .option('--resource-quota-sync-period <duration>', 'how often quotas are counted anew', duration)
    .option(
      '--legacy-service-account-token-clean-up-period <duration>',
      'how long tokens in secrets may go unused',
      duration,
    )
  for (const [name, signer] of Object.entries(SIGNERS))
    command
      .option(`--cluster-signing-${name}-cert-file <file>`, `authority that signs for ${signer}`)
      .option(`--cluster-signing-${name}-key-file <file>`, 'its key')
}

/** What the flags of single controllers come to. Throws `Failure` where they contradict each other. */
export function controllerOptions(flags: ControllerFlags): Partial<ControllerManagerOptions> {
  return given({
    ...nodeIpam(flags),
    ...signing(flags),
    workers: workersOf(flags),
    endpoints: given({ batchPeriod: flags.endpointUpdatesBatchPeriod }),
    endpointSlices: given({
      batchPeriod: flags.endpointsliceUpdatesBatchPeriod,
      maxEndpointsPerSlice: flags.maxEndpointsPerSlice,
    }),
    mirroring: given({
      batchPeriod: flags.mirroringEndpointsliceUpdatesBatchPeriod,
      maxEndpointsPerSubset: flags.mirroringMaxEndpointsPerSubset,
    }),
    resourceQuota: given({ syncPeriod: flags.resourceQuotaSyncPeriod }),
    legacyTokens: given({ cleanUpPeriod: flags.legacyServiceAccountTokenCleanUpPeriod }),
  }) as Partial<ControllerManagerOptions>
}

const flagValue = (flags: ControllerFlags, flag: string): unknown =>
  (flags as unknown as Record<string, unknown>)[flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())]

function workersOf(flags: ControllerFlags): Record<string, number> {
  const all = WORKERS.map(([flag, controller]) => [controller, flagValue(flags, flag)] as const)
  return Object.fromEntries(all.filter((each): each is [string, number] => each[1] !== undefined))
}

function nodeIpam(flags: ControllerFlags): Pick<ControllerManagerOptions, 'nodeIpam'> {
  if (!flags.allocateNodeCidrs) return {}
  const clusterCidrs = required('cluster-cidr', flags.clusterCidr)
  return { nodeIpam: { clusterCidrs, ...maskSizes(flags, clusterCidrs) } }
}

/** In upstream's words (cmd/kube-controller-manager/app/core.go: setNodeCIDRMaskSizes). */
function maskSizes(
  flags: ControllerFlags,
  ranges: readonly string[],
): { maskSizeIpv4?: number; maskSizeIpv6?: number } {
  const { nodeCidrMaskSize: both, nodeCidrMaskSizeIpv4: maskSizeIpv4, nodeCidrMaskSizeIpv6: maskSizeIpv6 } = flags
  const isIpv6 = ranges.map(range => range.includes(':'))
  if (isIpv6.includes(true) && isIpv6.includes(false)) {
    if (both !== undefined) throw new Failure('usage of --node-cidr-mask-size is not allowed with dual-stack clusters')
    return given({ maskSizeIpv4, maskSizeIpv6 })
  }
  if (both !== undefined) {
    if (maskSizeIpv4 !== undefined || maskSizeIpv6 !== undefined)
      throw new Failure(
        'usage of --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 is not allowed if --node-cidr-mask-size is set. ' +
          'For dual-stack clusters please unset it and use IPFamily specific flags',
      )
    return { maskSizeIpv4: both, maskSizeIpv6: both }
  }
  if (maskSizeIpv4 !== undefined && isIpv6[0])
    throw new Failure('usage of --node-cidr-mask-size-ipv4 is not allowed for a single-stack IPv6 cluster')
  if (maskSizeIpv6 !== undefined && !isIpv6[0])
    throw new Failure('usage of --node-cidr-mask-size-ipv6 is not allowed for a single-stack IPv4 cluster')
  return given({ maskSizeIpv4, maskSizeIpv6 })
}

type Signing = Pick<ControllerManagerOptions, 'signingCa' | 'signerCas' | 'signingDuration'>

function signing(flags: ControllerFlags): Signing {
  const signingCa = authority(flags, 'cluster-signing')
  const own = Object.entries(SIGNERS).flatMap(([name, signer]) => {
    const found = authority(flags, `cluster-signing-${name}`)
    return found === undefined ? [] : [[signer, found] as const]
  })
  if (signingCa === undefined && own.length === 0) return {}
  if (signingCa !== undefined && own.length > 0)
    throw new Failure(
      'cannot specify --cluster-signing-{cert,key}-file and other --cluster-signing-*-file flags at the same time',
    )
  const signingDuration = flags.clusterSigningDuration
  return given({
    signingCa,
    signerCas: own.length > 0 ? Object.fromEntries(own) : undefined,
    signingDuration,
  }) as Signing
}

/** The authority in the two files that flags with these first words name. */
function authority(flags: ControllerFlags, words: string): { certificate: string; key: string } | undefined {
  const certificate = flagValue(flags, `${words}-cert-file`) as string | undefined
  const key = flagValue(flags, `${words}-key-file`) as string | undefined
  if (certificate === undefined && key === undefined) return undefined
  if (certificate === undefined || key === undefined)
    throw new Failure(`--${words}-cert-file and --${words}-key-file belong together`)
  return { certificate: fileOf(`${words}-cert-file`, certificate), key: fileOf(`${words}-key-file`, key) }
}
