import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Nodes, Pods, Services as ServiceKind } from '@canopus/api'
import { deferred, sleep } from '@canopus/base'
import { PAUSE_IMAGE } from '@canopus/cri'
import { readTextIfPresent } from '@canopus/platform'
import { PodEvents } from './events.ts'
import { parseResolvConf } from './files/dns.ts'
import { ImageGarbageCollector } from './images/garbage.ts'
import { ImagePuller } from './images/puller.ts'
import { rotateLogs } from './logs/rotate.ts'
import { runNodeLease } from './node/lease.ts'
import { diskFacts } from './node/machine.ts'
import { NodeAgent } from './node/node-agent.ts'
import { nodeAllocatable, nodeCapacity } from './node/node-status.ts'
import type { KubeletOptions } from './options.ts'
import { hasAppArmor } from './pods/app-armor.ts'
import { PodManager } from './pods/pod-manager.ts'
import { Semaphore } from './pods/semaphore.ts'
import { ProbeManager } from './probes/manager.ts'
import { bindCri } from './runtime/bound-cri.ts'
import { createCgroups } from './runtime/cgroups.ts'
import { collectGarbage } from './runtime/garbage.ts'
import { kernelOutOfMemory } from './runtime/out-of-memory.ts'
import { runtimeHandlerOf } from './runtime/runtime-class.ts'
import { RuntimeView } from './runtime/view.ts'
import { type KubeletServer, startServer } from './server/server.ts'
import type { Services } from './services.ts'
import { StatusWriter } from './status/status-writer.ts'
import { volumeImages } from './volumes/image-volumes.ts'
import { ObjectWatches } from './volumes/object-watches.ts'
import { TokenCache } from './volumes/service-account-token.ts'
import { Volumes } from './volumes/volumes.ts'

const RELIST_EVERY = 1_000
const HOUSEKEEPING_EVERY = 30_000
/** The runtime may be silent for so long before the node is not ready. */
const RUNTIME_GRACE = 30_000
const REFRESH_EVERY = 25_000
const ROTATE_EVERY = 10_000
const IMAGES_EVERY = 300_000
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
  readonly #images: ImageGarbageCollector
  /** Since when the runtime does not answer, by the monotonic clock; nothing while it does. */
  #silentSince: number | undefined = Number.NEGATIVE_INFINITY

  constructor(given: KubeletOptions, signal: AbortSignal) {
    const options = { ...given, cri: bindCri(given.cri, signal) }
    this.#options = options
    this.#signal = signal
    mkdirSync(options.dirs.root, { recursive: true })
    chmodSync(options.dirs.root, 0o750)
    mkdirSync(options.dirs.logs ?? DEFAULT_LOGS, { recursive: true })
    this.#services = makeServices(
      options,
      uid => this.#pods.kick(uid),
      { allocatable: () => this.#allocatable, labels: () => this.#node.node?.metadata.labels },
      signal,
    )
    this.#node = new NodeAgent(
      options,
      () => this.#whyUnready(),
      () => this.#server?.port,
      this.#podsTold.promise,
    )
    this.#images = new ImageGarbageCollector(options.cri, options.clock, options.logger, PAUSE_IMAGE)
    this.#pods = new PodManager(
      this.#services,
      { get: () => this.#node.node, refresh: () => this.#node.refresh() },
      signal,
    )
  }

  #allocatable: Record<string, string> = {}
  #server: KubeletServer | undefined
  readonly #podsKnown = deferred()
  readonly #podsTold = deferred()

  async run(): Promise<void> {
    const signal = this.#signal
    const { informers, nodeName, clock, logger, client } = this.#options
    const disk = await diskFacts(this.#options.dirs.root)
    const { machine, maxPods = 110, reserved = {} } = this.#options
    this.#allocatable = nodeAllocatable(nodeCapacity({ machine, disk, maxPods }), reserved)

    const pods = informers.informer(Pods, { fieldSelector: `spec.nodeName=${nodeName}` })
    const services = informers.informer(ServiceKind)
    const nodes = informers.informer(Nodes, { fieldSelector: `metadata.name=${nodeName}` })
    nodes.addHandler({ added: node => this.#node.seen(node), updated: (_, node) => this.#node.seen(node) })
    informers.start(signal)
    this.#server = await this.#serve()
    const node = this.#node.run(signal)
    const lease = runNodeLease(
      { client, clock, logger, nodeName, nodeUid: () => this.#node.node?.metadata.uid },
      signal,
    )
    const relisting = this.#relist()
    this.#tell('Starting', 'Starting kubelet.')
    try {
      await this.#firstRelist
      await Promise.all([pods.waitForSync(signal), services.waitForSync(signal)])
      pods.addHandler({
        added: pod => this.#pods.apply(pod),
        updated: (_, pod) => this.#pods.apply(pod),
        deleted: pod => this.#pods.removed(pod.metadata.uid),
      })
      this.#podsKnown.resolve()
      void this.#pods.told().then(this.#podsTold.resolve)
      await Promise.all([
        this.#every(HOUSEKEEPING_EVERY, () => this.#cleanUp()),
        this.#every(ROTATE_EVERY, () => rotateLogs(this.#options.cri, clock, logger, this.#services.view.all())),
        this.#every(IMAGES_EVERY, () => this.#collectImages()),
      ])
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      await Promise.allSettled([node, lease, relisting])
      await this.#server?.close()
      await this.#pods.stop()
      this.#services.probes.stop()
    }
  }

  #relisted!: () => void
  readonly #firstRelist = new Promise<void>(resolve => {
    this.#relisted = resolve
  })

  /** A runtime that is restarted must not cost the node its readiness. */
  #whyUnready(): string | undefined {
    const since = this.#silentSince
    if (since === undefined || this.#options.clock.monotonic() - since < RUNTIME_GRACE) return undefined
    return 'container runtime is down'
  }

  /** Looks at the runtime every second; pods whose containers changed are looked at at once. */
  async #relist(): Promise<void> {
    const { clock, logger } = this.#options
    while (!this.#signal.aborted) {
      try {
        const changed = await this.#services.view.relist()
        if (this.#silentSince !== undefined) {
          this.#silentSince = undefined
          this.#node.nudge()
          this.#relisted()
        }
        for (const uid of changed) this.#pods.kick(uid)
      } catch (error) {
        if (this.#signal.aborted) return
        if (this.#silentSince === undefined) logger.warn('the container runtime does not answer', { error })
        this.#silentSince ??= clock.monotonic()
      }
      await sleep(clock, RELIST_EVERY, this.#signal).catch(() => {})
    }
  }

  #serve(): Promise<KubeletServer | undefined> {
    const { server: options, dirs } = this.#options
    if (options === undefined) return Promise.resolve(undefined)
    return startServer({
      options,
      services: this.#services,
      root: dirs.root,
      pods: () => this.#pods.pods(),
      podsKnown: this.#podsKnown.promise,
    })
  }

  /** An event about the node. Its uid is its name, as upstream's kubelets have it. */
  #tell(reason: string, message: string): void {
    const { nodeName, events } = this.#options
    events.event(
      { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName, uid: nodeName } },
      'Normal',
      reason,
      message,
    )
  }

  async #cleanUp(): Promise<void> {
    this.#services.cgroups.balance(this.#options.machine.cpus, this.#pods.pods())
    this.#pods.endOrphans()
    this.#services.objects.prune()
    await collectGarbage(this.#services, uid => this.#pods.get(uid) !== undefined, this.#options.dirs.root)
  }

  async #collectImages(): Promise<void> {
    const { view } = this.#services
    await this.#images.collect(view.all(), await diskFacts(this.#options.dirs.root), volumeImages(this.#pods.pods()))
  }

  /** Does something again and again; a failure is logged and the next turn tries anew. */
  async #every(period: number, effect: () => Promise<void>): Promise<void> {
    while (!this.#signal.aborted) {
      try {
        await effect()
      } catch (error) {
        if (!this.#signal.aborted) this.#options.logger.warn('housekeeping failed', { error })
      }
      await sleep(this.#options.clock, period, this.#signal).catch(() => {})
    }
  }
}

function makeServices(
  options: KubeletOptions,
  changed: (uid: string) => void,
  node: { allocatable: () => Record<string, string>; labels: () => Record<string, string> | undefined },
  signal: AbortSignal,
): Services {
  const { client, cri, clock, random, logger, nodeName, nodeIps, dns, dirs, machine, informers } = options
  const logs = dirs.logs ?? DEFAULT_LOGS
  const refreshEvery = options.refreshEvery ?? REFRESH_EVERY
  const events = new PodEvents(options.events)
  const services = informers.informer(ServiceKind)
  const cgroups = createCgroups({ ...options.cgroups, logger })
  const facts = { outOfMemory: kernelOutOfMemory(clock, logger), peakMemory: cgroups.peakMemory }
  return {
    client,
    cri,
    clock,
    random,
    logger,
    events,
    view: new RuntimeView(cri, logs, logger, facts),
    volumes: new Volumes({
      root: dirs.root,
      client,
      clock,
      random,
      tokens: new TokenCache(client, clock, random),
      nodeLabels: node.labels,
    }),
    objects: new ObjectWatches({ client, clock, random, logger, changed }, signal),
    refreshEvery,
    puller: new ImagePuller(cri, events, clock),
    cgroups,
    probes: new ProbeManager({ cri, clock, events, changed }),
    statuses: new StatusWriter(client, clock, logger),
    starts: new Semaphore(options.maxParallelStarts ?? 6),
    nodeName,
    nodeIps,
    dns: { clusterIps: dns.clusterIp === undefined ? [] : [dns.clusterIp], domain: dns.domain },
    logs,
    seccompRoot: join(dirs.root, 'seccomp'),
    appArmor: hasAppArmor(),
    memoryCapacity: machine.memory,
    hostDns: () => parseResolvConf(readTextIfPresent(dns.resolvConf ?? '/etc/resolv.conf') ?? ''),
    runtimeHandler: pod => runtimeHandlerOf(pod, informers, signal),
    usedHostPorts: options.usedHostPorts ?? (async () => []),
    clusterServices: () => services.lister.list(),
    downwardFacts: podIps => ({ nodeName, hostIps: nodeIps, podIps, allocatable: node.allocatable() }),
  }
}
