import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { containerdConfig, mayLowerOomScore, PAUSE_IMAGE, registryHostsToml } from '@canopus/cri'
import { CommandError, run, startDaemon, tryRun } from '@canopus/platform'
import { type ClusterConfig, type NodeConfig, pathsOf } from './config.ts'
import { runtimePrograms } from './host-packages.ts'
import { gatewayOf, mirrorUrlFor } from './machine-network.ts'
import { componentEnv, findProcesses, mainProcess, markOf } from './processes.ts'
import { SUPERVISE, startSupervised } from './supervisor.ts'

/** The name of what runs on a node, in process marks and logs. */
export const nodeComponent = (node: string, part: 'containerd' | 'agent' | 'init'): string => `node/${node}/${part}`

/** Writes containerd's configuration and the registries' mirrors for a node. */
export function writeRuntimeConfiguration(config: ClusterConfig, node: NodeConfig): void {
  const paths = pathsOf(config).node(node.name)
  const programs = runtimePrograms()
  for (const directory of [
    paths.containerdRoot,
    paths.containerdState,
    paths.cniDirectory,
    paths.certsDirectory,
    paths.kubelet,
    paths.podLogs,
  ])
    mkdirSync(directory, { recursive: true })
  const text = containerdConfig({
    root: paths.containerdRoot,
    state: paths.containerdState,
    socket: paths.containerdSocket,
    cniBinDir: programs.cniDirectory,
    cniConfDir: paths.cniDirectory,
    certsDir: paths.certsDirectory,
    sandboxImage: PAUSE_IMAGE,
    cgroupDriver:
      existsSync('/run/systemd/system') && existsSync('/sys/fs/cgroup/cgroup.controllers') ? 'systemd' : 'cgroupfs',
    runtimes: [{ name: 'runc', path: programs.runc }],
    mayLowerOomScore: mayLowerOomScore(),
  })
  writeFileSync(paths.containerdConfig, text)
  rmSync(paths.certsDirectory, { recursive: true, force: true })
  for (const mirror of config.mirrors) {
    const directory = join(paths.certsDirectory, mirror.registry === '*' ? '_default' : mirror.registry)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'hosts.toml'), registryHostsToml(mirrorUrlFor(config, node, mirror.url)))
  }
}

/** Starts containerd and the node agent of a node, in the node's namespaces; what runs already is left running. */
export async function startNode(config: ClusterConfig, node: NodeConfig, agent: readonly string[]): Promise<void> {
  writeRuntimeConfiguration(config, node)
  if (node.place === 'host') await startHostNode(config, node, agent)
  else await startNamespacedNode(config, node, agent)
}

/**
 * The machine itself as a node: its network, but a mount namespace of its own whose `/` is shared, so that mounts reach into
 * containers whatever the machine's own propagation is, and nothing of ours shows in the machine's mount table.
 */
async function startHostNode(config: ClusterConfig, node: NodeConfig, agent: readonly string[]): Promise<void> {
  const namespace = await ensureMountNamespace(pathsOf(config).namespaces, node.name)
  await startPrograms(config, node, agent, ['nsenter', `--mount=${namespace}`, '--'])
}

/** Starts containerd and agent where they have no supervisor, in the namespaces that `wrapper` enters. */
async function startPrograms(
  config: ClusterConfig,
  node: NodeConfig,
  agent: readonly string[],
  wrapper: readonly string[],
): Promise<void> {
  const paths = pathsOf(config)
  const running = findProcesses(markOf(config))
  const programs: [part: 'containerd' | 'agent', command: readonly string[]][] = [
    ['containerd', [runtimePrograms().containerd, '--config', paths.node(node.name).containerdConfig]],
    ['agent', agent],
  ]
  for (const [part, command] of programs) {
    const component = nodeComponent(node.name, part)
    if (mainProcess(running, `supervisor/${component}`)) continue
    const orphan = mainProcess(running, component)
    if (orphan) process.kill(orphan.pid, 'SIGKILL')
    await startSupervised({
      cluster: markOf(config),
      component,
      log: join(paths.logs, `${component.replaceAll('/', '-')}.log`),
      wrapper,
      command,
    })
  }
}

/** Makes (or finds) a persistent mount namespace; it lives as long as its file is mounted, not as long as a process. */
async function ensureMountNamespace(directory: string, name: string): Promise<string> {
  const file = join(directory, `${name}.mnt`)
  mkdirSync(directory, { recursive: true })
  if (existsSync(file) && (await tryRun('nsenter', [`--mount=${file}`, '--', 'true'])).code === 0) return file
  if ((await tryRun('mountpoint', ['-q', directory])).code !== 0) await run('mount', ['--bind', directory, directory])
  await run('mount', ['--make-private', directory])
  writeFileSync(file, '')
  await makeMountNamespace(file)
  return file
}

/**
 * A namespace's file can be mounted in older namespaces only (the kernel forbids loops), and Linux 6.18 numbers namespaces per
 * processor: made on another one than ours was, a new one may seem older. On the processor that made ours it never does.
 */
async function makeMountNamespace(file: string): Promise<void> {
  const isolation = [`--mount=${file}`, '--propagation', 'slave', 'mount', '--make-rshared', '/']
  const { code, stderr } = await tryRun('unshare', isolation)
  if (code === 0) return
  for (let processor = 0; processor < cpus().length; processor++)
    if ((await tryRun('taskset', ['-c', `${processor}`, 'unshare', ...isolation])).code === 0) return
  throw new CommandError(`unshare ${isolation.join(' ')}`, code, stderr)
}

/** Takes the mount namespaces of a cluster away, with everything that is mounted in them alone. */
export async function removeMountNamespaces(config: ClusterConfig): Promise<void> {
  const { namespaces } = pathsOf(config)
  for (const node of config.nodes) await tryRun('umount', ['--lazy', join(namespaces, `${node.name}.mnt`)])
  await tryRun('umount', ['--lazy', namespaces])
  rmSync(namespaces, { recursive: true, force: true })
}

/** The first process of a node in namespaces of its own: sets up mounts and waits for the network, then keeps the programs running. */
const NODE_INIT = `
name=$1 ready=$2 sys=$3 supervise=$4 containerd_log=$5 agent_log=$6 containerd=$7 config=$8; shift 8
hostname "$name"
mkdir -p "$sys"
mount -t sysfs sysfs "$sys" && mount --rbind /sys/fs/cgroup "$sys/fs/cgroup" && mount --move "$sys" /sys
mount --make-rshared /
while [ ! -e "$ready" ]; do sleep 0.02; done
CANOPUS_COMPONENT=supervisor/node/$name/containerd sh -c "$supervise" canopus "node/$name/containerd" "$containerd_log" "$containerd" --config "$config" &
CANOPUS_COMPONENT=supervisor/node/$name/agent sh -c "$supervise" canopus "node/$name/agent" "$agent_log" "$@" &
while :; do wait; sleep 1; done
`

async function startNamespacedNode(config: ClusterConfig, node: NodeConfig, agent: readonly string[]): Promise<void> {
  const component = nodeComponent(node.name, 'init')
  const present = mainProcess(findProcesses(markOf(config)), component)
  if (present) return repairNamespacedNode(config, node, agent, present.pid)
  const paths = pathsOf(config)
  const own = paths.node(node.name)
  const runtime = dirname(own.containerdSocket)
  const ready = join(runtime, 'network-ready')
  // After the node's end nothing of its running state is true any more: as after a power loss.
  for (const stale of [ready, own.containerdState, own.ipamDirectory, own.containerdSocket])
    rmSync(stale, { recursive: true, force: true })
  mkdirSync(own.containerdState, { recursive: true })
  mkdirSync(paths.logs, { recursive: true })
  const log = (part: 'containerd' | 'agent'): string =>
    join(paths.logs, `${nodeComponent(node.name, part).replaceAll('/', '-')}.log`)
  const init = [
    'sh',
    '-c',
    NODE_INIT,
    'canopus',
    node.name,
    ready,
    join(runtime, 'sys'),
    SUPERVISE,
    log('containerd'),
    log('agent'),
    runtimePrograms().containerd,
    own.containerdConfig,
    ...agent,
  ]
  const isolation = [
    '--net',
    '--mount',
    '--uts',
    '--ipc',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    '--propagation',
    'private',
  ]
  const outer = await startDaemon('unshare', [...isolation, ...init], {
    log: join(paths.logs, `node-${node.name}-init.log`),
    env: componentEnv(markOf(config), component),
  })
  await connectNode(config, node, outer.pid)
  writeFileSync(ready, '')
}

/** A node whose first process runs: what it started and what has lost its supervisor since is started again inside. */
async function repairNamespacedNode(
  config: ClusterConfig,
  node: NodeConfig,
  agent: readonly string[],
  outer: number,
): Promise<void> {
  const ready = join(dirname(pathsOf(config).node(node.name).containerdSocket), 'network-ready')
  // Interrupted before its network was there: its first process still waits, and starts the programs itself.
  if (!existsSync(ready)) {
    await connectNode(config, node, outer)
    writeFileSync(ready, '')
    return
  }
  const init = await childOf(outer)
  await startPrograms(config, node, agent, ['nsenter', `--target=${init}`, ...INSIDE, '--'])
}

const INSIDE = ['--mount', '--net', '--uts', '--ipc', '--pid']

/** Gives a node's network namespace its interface on the cluster's bridge. */
async function connectNode(config: ClusterConfig, node: NodeConfig, pid: number): Promise<void> {
  const init = await childOf(pid)
  const port = `cn${config.slot}-${node.address.split('.').at(-1)}`
  const prefix = config.nodeCidr.split('/')[1]
  await tryRun('ip', ['link', 'delete', port])
  await run('ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `/proc/${init}/ns/net`])
  await run('ip', ['link', 'set', port, 'master', config.bridge, 'up'])
  // Where the machine's own rules see frames of bridges (br_netfilter), a packet that comes for a node port and is led back to the
  // node that it came from is bridged, not routed: a port sends nothing back the way it came without this.
  await run('ip', ['link', 'set', port, 'type', 'bridge_slave', 'hairpin', 'on'])
  const inside = [
    'link set lo up',
    `address add ${node.address}/${prefix} dev eth0`,
    'link set eth0 up',
    `route add default via ${gatewayOf(config)}`,
  ]
  await run('nsenter', [`--net=/proc/${init}/ns/net`, 'ip', '-batch', '-'], {
    input: inside.map(line => `${line}\n`).join(''),
  })
}

/** `unshare --fork` starts the namespace's first process as its child. */
async function childOf(pid: number): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const children = existsSync(`/proc/${pid}/task/${pid}/children`)
      ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
      : ''
    if (children !== '') return Number(children.split(' ')[0])
    await run('sleep', ['0.01'])
  }
  throw new Error(`process ${pid} started no child`)
}
