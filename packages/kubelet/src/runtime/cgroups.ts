import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '@canopus/api/core/v1'
import type { Logger } from '@canopus/base'
import { isMissing, namesIn, readTextIfPresent } from '@canopus/platform'
import { type QosClass, qosClass } from '../pods/qos.ts'
import { cpuQuota, cpuShares, cpuWeight, podResources } from './resources.ts'

const V2_CONTROLLERS = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids']

/** The pods' cgroups: one per quality of service, one per pod below it. */
export interface Cgroups {
  /** What the runtime is told as the parent of a pod's containers. */
  parentOf(pod: Pod): string
  /** Makes the pod's cgroup and sets what all its containers together may use. */
  create(pod: Pod): void
  /**
   * Sets what all containers of a pod together may use to what they were granted: `grow` only what becomes more, before the
   * containers get it, `all` the rest, after that. Throws where the kernel refuses.
   */
  resize(pod: Pod, what: 'grow' | 'all'): void
  /** Shares the CPUs out between the qualities of service by what their pods ask for. */
  balance(cpus: number, pods: readonly Pod[]): void
  /** Removes the pod's cgroup, wherever it is. False while something still runs in it. */
  remove(uid: string): boolean
  /** Removes all that is left of us: the cgroups of the qualities of service and those of pods. */
  removeAll(): void
  /** Uids of the pods that have a cgroup. */
  pods(): string[]
  /** Where a pod's figures are read, or nothing where it has none: the directory of one controller. */
  directory(uid: string, controller: string): string | undefined
  /** The most memory that the pod has used at one time, in bytes; nothing where the kernel does not keep it. */
  peakMemory(uid: string): number | undefined
}

export interface CgroupOptions {
  driver: 'cgroupfs' | 'systemd'
  prefix?: string
  /** Where the hierarchies are mounted. Default /sys/fs/cgroup. */
  mount?: string
  logger: Logger
}

const QUALITIES: readonly QosClass[] = ['Guaranteed', 'Burstable', 'BestEffort']

export function createCgroups(options: CgroupOptions): Cgroups {
  const mount = options.mount ?? '/sys/fs/cgroup'
  const unified = existsSync(join(mount, 'cgroup.controllers'))
  const roots = unified ? [mount] : hierarchies(mount)
  const path = (quality: QosClass, uid?: string): string => cgroupPath(options, quality, uid)
  const directory = (uid: string, controller: string): string | undefined => {
    const root = unified ? mount : join(mount, controller)
    return QUALITIES.map(quality => join(root, path(quality, uid))).find(each => existsSync(each))
  }
  const everywhere = (relative: string): string[] => roots.map(root => join(root, relative))
  return {
    parentOf: pod =>
      options.driver === 'systemd'
        ? path(qosClass(pod), pod.metadata.uid).split('/').pop()!
        : path(qosClass(pod), pod.metadata.uid),
    create(pod) {
      if (options.driver === 'systemd') return // systemd makes slices itself and would not know of ours
      const relative = path(qosClass(pod), pod.metadata.uid)
      for (const root of roots) makeBelow(root, relative, unified)
      setLimits(pod, mount, relative, unified, options.logger)
    },
    resize(pod, what) {
      if (options.driver === 'systemd') return // the pod's slice has no limits of ours
      for (const { file, value } of podLimits(pod, mount, path(qosClass(pod), pod.metadata.uid), unified))
        if (what === 'all' || isMore(value, readTextIfPresent(file))) writeFileSync(file, value)
    },
    balance(cpus, pods) {
      if (options.driver === 'systemd') return
      const asked = pods
        .filter(pod => qosClass(pod) === 'Burstable')
        .reduce((sum, pod) => sum + podResources(pod).cpuRequest, 0)
      const shares: [QosClass, number][] = [
        ['Guaranteed', cpuShares(cpus * 1000)],
        ['Burstable', cpuShares(asked)],
        ['BestEffort', cpuShares(0)],
      ]
      for (const [quality, share] of shares) {
        for (const root of roots) makeBelow(root, path(quality), unified)
        setShares(mount, path(quality), share, unified, options.logger)
      }
    },
    remove(uid) {
      const directories = QUALITIES.flatMap(quality => everywhere(path(quality, uid)))
      return directories.map(removeTree).every(done => done)
    },
    removeAll() {
      for (const directory of everywhere(path('Guaranteed'))) removeTree(directory)
      if (options.prefix !== undefined) for (const directory of everywhere(options.prefix)) removeTree(directory)
    },
    pods: () => [...new Set(QUALITIES.flatMap(quality => everywhere(path(quality)).flatMap(podsBelow)))],
    directory,
    peakMemory(uid) {
      const pod = directory(uid, 'memory')
      const text = pod && readTextIfPresent(join(pod, unified ? 'memory.peak' : 'memory.max_usage_in_bytes'))
      return text === undefined ? undefined : Number(text)
    },
  }
}

/** A cgroup's path below the mount, as upstream lays them out (pkg/kubelet/cm/cgroup_manager_linux.go). */
export function cgroupPath(
  options: { driver: 'cgroupfs' | 'systemd'; prefix?: string },
  quality: QosClass,
  uid?: string,
): string {
  const parts = ['kubepods']
  if (quality !== 'Guaranteed') parts.push(quality.toLowerCase())
  if (uid !== undefined) parts.push(`pod${uid}`)
  if (options.driver === 'cgroupfs') return `${options.prefix ?? ''}/${parts.join('/')}`
  const escaped = parts.map(part => part.replaceAll('-', '_'))
  const prefix = options.prefix === undefined ? '' : `${options.prefix.replace(/^\//, '').replaceAll('/', '-')}-`
  return `/${escaped.map((_, index) => `${prefix}${escaped.slice(0, index + 1).join('-')}.slice`).join('/')}`
}

/** The v1 controllers' mounts, `systemd` and `unified` among them; links such as `cpu` to `cpu,cpuacct` only once. */
function hierarchies(mount: string): string[] {
  return readdirSync(mount, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(entry => join(mount, entry.name))
}

function makeBelow(root: string, relative: string, unified: boolean): void {
  let directory = root
  for (const part of relative.split('/').filter(each => each !== '')) {
    if (unified) enableControllers(directory)
    directory = join(directory, part)
    if (!existsSync(directory)) {
      mkdirSync(directory, { recursive: true })
      inheritCpuset(directory)
    }
  }
}

function enableControllers(directory: string): void {
  const available = readFileSync(join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ')
  for (const name of V2_CONTROLLERS.filter(each => available.includes(each)))
    attempt(() => writeFileSync(join(directory, 'cgroup.subtree_control'), `+${name}`))
}

/** A new v1 cpuset has no CPUs at all, and nothing can be put into it. */
function inheritCpuset(directory: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const own = join(directory, name)
    attempt(() => {
      if (existsSync(own) && readFileSync(own, 'utf8').trim() === '')
        writeFileSync(own, readFileSync(join(directory, '..', name), 'utf8'))
    })
  }
}

function setLimits(pod: Pod, mount: string, relative: string, unified: boolean, logger: Logger): void {
  for (const { file, value } of podLimits(pod, mount, relative, unified)) set(file, value, logger)
}

interface Setting {
  file: string
  value: string
}

/** The settings of a pod's cgroup; limits only where every container has one. */
function podLimits(pod: Pod, mount: string, relative: string, unified: boolean): Setting[] {
  const { cpuRequest, cpuLimit, memoryLimit } = podResources(pod)
  const quota = cpuQuota(cpuLimit)
  const file = (controller: string, v1: string, v2: string): string =>
    unified ? join(mount, relative, v2) : join(mount, controller, relative, v1)
  const memory: Setting = { file: file('memory', 'memory.limit_in_bytes', 'memory.max'), value: String(memoryLimit) }
  const cpu: Setting = {
    file: file('cpu', 'cpu.cfs_quota_us', 'cpu.max'),
    value: unified ? `${quota} 100000` : String(quota),
  }
  return [
    sharesOf(mount, relative, cpuShares(cpuRequest), unified),
    ...(quota > 0 ? [cpu] : []),
    ...(memoryLimit > 0 ? [memory] : []),
  ]
}

/** Whether a setting lets through more than what is set now; nothing is more than no limit. */
function isMore(value: string, now: string | undefined): boolean {
  const present = Number.parseInt(now ?? '', 10)
  return present >= 0 && Number.parseInt(value, 10) > present
}

function setShares(mount: string, relative: string, shares: number, unified: boolean, logger: Logger): void {
  const { file, value } = sharesOf(mount, relative, shares, unified)
  set(file, value, logger)
}

function sharesOf(mount: string, relative: string, shares: number, unified: boolean): Setting {
  return unified
    ? { file: join(mount, relative, 'cpu.weight'), value: String(cpuWeight(shares)) }
    : { file: join(mount, 'cpu', relative, 'cpu.shares'), value: String(shares) }
}

function set(file: string, value: string, logger: Logger): void {
  try {
    writeFileSync(file, value)
  } catch (error) {
    logger.warn('a cgroup could not be set', { file, value, error })
  }
}

/** Removes a cgroup with those below it. False where a process is still in one. */
function removeTree(directory: string): boolean {
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory() && !removeTree(join(directory, entry.name))) return false
    rmdirSync(directory)
    return true
  } catch (error) {
    return isMissing(error)
  }
}

function podsBelow(directory: string): string[] {
  return namesIn(directory)
    .map(name => /^(?:.*-)?pod(.+?)(?:\.slice)?$/.exec(name)?.[1]?.replaceAll('_', '-'))
    .filter(uid => uid !== undefined)
}

function attempt(effect: () => void): void {
  try {
    effect()
  } catch {
    // a controller that is not there or not ours to switch: the limit that needs it will say so
  }
}
