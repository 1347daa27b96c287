/** Flags of kube-apiserver about single things that it does (cmd/kube-apiserver/app/options, k8s.io/apiserver/pkg/server/options/etcd.go). */
import type { StartApiServerOptions } from '@canopus/control-plane'
import type { Command } from 'commander'
import { bool, duration, given, integer, unsigned, validated } from '../flags.ts'

export interface TuningFlags {
  allowPrivileged: boolean
  apiserverCount: number
  deleteCollectionWorkers?: number
  enableGarbageCollector: boolean
  etcdCountMetricPollPeriod: number
  etcdDbMetricPollInterval: number
  etcdHealthcheckTimeout: number
  etcdReadycheckTimeout: number
  kubeletPort?: number
  leaseReuseDurationSeconds: number
  maxConnectionBytesPerSec: number
  aggregatorRejectForwardingRedirect: boolean
  enableAggregatorRouting: boolean
}

export function addTuningFlags(command: Command): void {
  command
    .option('--allow-privileged [bool]', 'let pods have privileged containers', bool, false)
    .option(
      '--delete-collection-workers <count>',
      'how many objects of a collection are deleted at once (default: 1)',
      integer,
    )
    .option('--enable-garbage-collector [bool]', 'let deletions say what becomes of dependents', bool, true)
    .option(
      '--etcd-count-metric-poll-period <duration>',
      'objects are counted as metrics are asked for; 0: never',
      duration,
      60_000,
    )
    .option(
      '--etcd-db-metric-poll-interval <duration>',
      'the size of the store is told as metrics are asked for; 0: never',
      duration,
      30_000,
    )
    .option('--etcd-healthcheck-timeout <duration>', 'how long the store may take to be healthy', duration, 2000)
    .option('--etcd-readycheck-timeout <duration>', 'how long it may take to be ready', duration, 2000)
    .option('--lease-reuse-duration-seconds <seconds>', 'how long keys of etcd may share a lease', integer, 60)
    .option(
      '--max-connection-bytes-per-sec <bytes>',
      'of each connection to a pod that lasts; 0 for no limit',
      integer,
      0,
    )
    .option('--aggregator-reject-forwarding-redirect [bool]', 'pass on no redirects of extension servers', bool, true)
    .option(
      '--enable-aggregator-routing [bool]',
      "call extension servers and webhooks at their endpoints, rather than at their services' addresses (upstream's default is false)",
      bool,
      true,
    )
    .option('--kubelet-port <port>', 'of kubelets that tell none (deprecated)', unsigned)
    .option(
      '--apiserver-count <count>',
      'how many servers there are, for --endpoint-reconciler-type=master-count (deprecated)',
      validated(integer, count =>
        count > 0 ? undefined : `--apiserver-count should be a positive number, but value '${count}' provided`,
      ),
      1,
    )
}

/** What the flags come to, beside what the API server does otherwise. */
export function tuningOptions(flags: TuningFlags): NonNullable<StartApiServerOptions['tuning']> {
  const { deleteCollectionWorkers: workers } = flags
  return {
    allowPrivileged: flags.allowPrivileged,
    garbageCollection: flags.enableGarbageCollector,
    countsObjects: flags.etcdCountMetricPollPeriod !== 0,
    tellsStorageSize: flags.etcdDbMetricPollInterval !== 0,
    healthCheckTimeout: flags.etcdHealthcheckTimeout,
    readyCheckTimeout: flags.etcdReadycheckTimeout,
    connectionBytesPerSecond: flags.maxConnectionBytesPerSec,
    routesToEndpoints: flags.enableAggregatorRouting,
    // Fewer than one is one, as upstream has it.
    ...given({ deleteCollectionWorkers: workers === undefined ? undefined : Math.max(1, workers) }),
  }
}
