import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Pods, Services as ServiceKind } from '@canopus/api'
import { sleep } from '@canopus/base'
import { readTextIfPresent } from '@canopus/platform'
import { PodEvents } from './events.ts'
import { parseResolvConf } from './files/dns.ts'
import { ImagePuller } from './images/puller.ts'
import { runNodeLease } from './node/lease.ts'
import { diskFacts } from './node/machine.ts'
import { NodeAgent } from './node/node-agent.ts'
import { nodeAllocatable, nodeCapacity } from './node/node-status.ts'
import type { KubeletOptions } from './options.ts'
import { PodManager } from './pods/pod-manager.ts'
import { Semaphore } from './pods/semaphore.ts'
import { ProbeManager } from './probes/manager.ts'
import { createCgroups } from './runtime/cgroups.ts'
import { RuntimeView } from './runtime/view.ts'
import type { Services } from './services.ts'
import { StatusWriter } from './status/status-writer.ts'
import { ObjectCache } from './volumes/object-cache.ts'
import { TokenCache } from './volumes/service-account-token.ts'
import { Volumes } from './volumes/volumes.ts'

const RELIST_EVERY = 1_000
const HOUSEKEEPING_EVERY = 30_000
const DEFAULT_LOGS = '/var/log/pods'

/** Makes this machine match the pods that are bound to its node. */
export interface Kubelet {
  /** Runs until the signal aborts. Containers keep running after it. */
  run(signal: AbortSignal): Promise<void>
}

export function createKubelet(options: KubeletOptions): Kubelet {
  return { run: signal => new Running(options, signal).run() }
}

class Running {
  readonly #options: KubeletOptions
  readonly #signal: AbortSignal
  readonly #services: Services
  readonly #node: NodeAgent
  readonly #pods: PodManager
  #unready: string | undefined = 'PLEG is not healthy: pleg has yet to be successful'

  constructor(options: KubeletOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
    mkdirSync(options.dirs.root, { recursive: true })
    chmodSync(options.dirs.root, 0o750)
    mkdirSync(options.dirs.logs ?? DEFAULT_LOGS, { recursive: true })
    this.#services = makeServices(
      options,
      uid => this.#pods.kick(uid),
      () => this.#allocatable,
    )
    this.#node = new NodeAgent(
      options,
      () => this.#unready,
      () => options.server?.port,
    )
    this.#pods = new PodManager(this.#services, () => this.#node.node, signal)
  }

  #allocatable: Record<string, string> = {}

  async run(): Promise<void> {
    const signal = this.#signal
    const { informers, nodeName, clock, logger, client } = this.#options
    const disk = await diskFacts(this.#options.dirs.root)
    const { machine, maxPods = 110, reserved = {} } = this.#options
    this.#allocatable = nodeAllocatable(nodeCapacity({ machine, disk, maxPods }), reserved)

    const pods = informers.informer(Pods, { fieldSelector: `spec.nodeName=${nodeName}` })
    const services = informers.informer(ServiceKind)
    informers.start(signal)
    const node = this.#node.run(signal)
    const lease = runNodeLease(
      { client, clock, logger, nodeName, nodeUid: () => this.#node.node?.metadata.uid },
      signal,
    )
    const relisting = this.#relist()
    try {
      await this.#firstRelist
      await Promise.all([pods.waitForSync(signal), services.waitForSync(signal)])
      pods.addHandler({
        added: pod => this.#pods.apply(pod),
        updated: (_, pod) => this.#pods.apply(pod),
        deleted: pod => this.#pods.removed(pod.metadata.uid),
      })
      await this.#housekeeping()
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      await Promise.allSettled([node, lease, relisting])
      await this.#pods.stop()
      this.#services.probes.stop()
    }
  }

  #relisted!: () => void
  readonly #firstRelist = new Promise<void>(resolve => {
    this.#relisted = resolve
  })

  /** Looks at the runtime every second; pods whose containers changed are looked at at once. */
  async #relist(): Promise<void> {
    const { clock, logger } = this.#options
    while (!this.#signal.aborted) {
      try {
        const changed = await this.#services.view.relist()
        if (this.#unready !== undefined) {
          this.#unready = undefined
          this.#node.nudge()
          this.#relisted()
        }
        for (const uid of changed) this.#pods.kick(uid)
      } catch (error) {
        if (this.#signal.aborted) return
        if (this.#unready === undefined) logger.warn('the container runtime does not answer', { error })
        this.#unready = `PLEG is not healthy: ${error instanceof Error ? error.message : String(error)}`
      }
      await sleep(clock, RELIST_EVERY, this.#signal).catch(() => {})
    }
  }

  async #housekeeping(): Promise<void> {
    while (!this.#signal.aborted) {
      this.#pods.endOrphans()
      this.#services.objects.prune()
      await sleep(this.#options.clock, HOUSEKEEPING_EVERY, this.#signal).catch(() => {})
    }
  }
}

function makeServices(
  options: KubeletOptions,
  changed: (uid: string) => void,
  allocatable: () => Record<string, string>,
): Services {
  const { client, cri, clock, random, logger, nodeName, nodeIps, dns, dirs, machine, informers } = options
  const logs = dirs.logs ?? DEFAULT_LOGS
  const events = new PodEvents(options.events)
  const services = informers.informer(ServiceKind)
  return {
    client,
    cri,
    clock,
    random,
    logger,
    events,
    view: new RuntimeView(cri, logs, logger),
    volumes: new Volumes({ root: dirs.root, clock, random, tokens: new TokenCache(client, clock, random) }),
    objects: new ObjectCache(client, clock),
    puller: new ImagePuller(cri, events, clock),
    cgroups: createCgroups({ ...options.cgroups, logger }),
    probes: new ProbeManager({ cri, clock, events, changed }),
    statuses: new StatusWriter(client, clock, logger),
    starts: new Semaphore(options.maxParallelStarts ?? 6),
    nodeName,
    nodeIps,
    dns: { clusterIps: dns.clusterIp === undefined ? [] : [dns.clusterIp], domain: dns.domain },
    logs,
    seccompRoot: join(dirs.root, 'seccomp'),
    memoryCapacity: machine.memory,
    hostDns: () => parseResolvConf(readTextIfPresent(dns.resolvConf ?? '/etc/resolv.conf') ?? ''),
    clusterServices: () => services.lister.list(),
    downwardFacts: podIps => ({ nodeName, hostIps: nodeIps, podIps, allocatable: allocatable() }),
  }
}
