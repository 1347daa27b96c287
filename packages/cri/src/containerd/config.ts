/** What a containerd of ours needs to know. Paths are absolute. */
export interface ContainerdOptions {
  /** Images, layers, snapshots: kept. */
  root: string
  /** Sockets and running state: gone after a reboot. */
  state: string
  socket: string
  ttrpcSocket?: string
  cniBinDir: string
  cniConfDir: string
  /** Directory with `<registry>/hosts.toml` files; see `registryHostsToml`. */
  certsDir: string
  sandboxImage: string
  /** `systemd` where systemd manages a unified (v2) hierarchy, else `cgroupfs`. */
  cgroupDriver: 'cgroupfs' | 'systemd'
  /** `runc` and perhaps `crun`, with the paths of their programs; the first is the default. */
  runtimes: readonly { name: string; path: string }[]
  snapshotter?: 'overlayfs' | 'native'
  /** Whether this process may lower oom_score_adj (CAP_SYS_RESOURCE); without it every pod would fail to start. */
  mayLowerOomScore: boolean
  apparmor?: boolean
  logLevel?: 'debug' | 'info' | 'warn' | 'error'
}

/** Snapshotters and services that we do not use; some log errors or look for kernel modules when left on. */
const DISABLED_PLUGINS = [
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.internal.v1.tracing',
]

const text = (value: string): string => JSON.stringify(value)

/** The configuration file (version 2, read by containerd 1.6 to 2.x). */
export function containerdConfig(options: ContainerdOptions): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  const runtimes = options.runtimes.flatMap(runtime => [
    `    [${cri}.containerd.runtimes.${runtime.name}]`,
    '      runtime_type = "io.containerd.runc.v2"',
    `      [${cri}.containerd.runtimes.${runtime.name}.options]`,
    `        BinaryName = ${text(runtime.path)}`,
    `        SystemdCgroup = ${options.cgroupDriver === 'systemd'}`,
  ])
  const lines = [
    'version = 2',
    `root = ${text(options.root)}`,
    `state = ${text(options.state)}`,
    `disabled_plugins = [${DISABLED_PLUGINS.map(text).join(', ')}]`,
    '',
    '[grpc]',
    `  address = ${text(options.socket)}`,
    '[ttrpc]',
    `  address = ${text(options.ttrpcSocket ?? `${options.socket}.ttrpc`)}`,
    '[debug]',
    `  level = ${text(options.logLevel ?? 'info')}`,
    '[metrics]',
    '  address = ""',
    `[${cri}]`,
    `  sandbox_image = ${text(options.sandboxImage)}`,
    '  disable_tcp_service = true',
    '  stream_server_address = "127.0.0.1"',
    '  stream_server_port = "0"',
    '  stream_idle_timeout = "4h0m0s"',
    '  tolerate_missing_hugetlb_controller = true',
    `  disable_apparmor = ${options.apparmor !== true}`,
    `  restrict_oom_score_adj = ${!options.mayLowerOomScore}`,
    '  enable_unprivileged_ports = true',
    '  enable_unprivileged_icmp = true',
    '  netns_mounts_under_state_dir = true',
    '  max_container_log_line_size = 16384',
    `  [${cri}.cni]`,
    `    bin_dir = ${text(options.cniBinDir)}`,
    `    conf_dir = ${text(options.cniConfDir)}`,
    '    max_conf_num = 1',
    `  [${cri}.containerd]`,
    `    snapshotter = ${text(options.snapshotter ?? 'overlayfs')}`,
    `    default_runtime_name = ${text(options.runtimes[0]?.name ?? 'runc')}`,
    ...runtimes,
    `  [${cri}.registry]`,
    `    config_path = ${text(options.certsDir)}`,
  ]
  return `${lines.join('\n')}\n`
}

/**
 * `hosts.toml` that sends pulls of one registry to a mirror. `server` is named too: without it containerd would fall
 * through to the real registry. Put it in `<certsDir>/<registry>/hosts.toml`, or `_default` for all others.
 */
export function registryHostsToml(mirror: string, options: { caFile?: string; skipVerify?: boolean } = {}): string {
  const lines = [`server = ${text(mirror)}`, '', `[host.${text(mirror)}]`, '  capabilities = ["pull", "resolve"]']
  if (options.caFile !== undefined) lines.push(`  ca = ${text(options.caFile)}`)
  if (options.skipVerify) lines.push('  skip_verify = true')
  return `${lines.join('\n')}\n`
}
