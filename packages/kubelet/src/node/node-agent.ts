import { KUBERNETES_VERSION, Nodes } from '@canopus/api'
import type { ContainerImage, Node } from '@canopus/api/core/v1'
import { formatTime, hasReason, isConditionTrue } from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import { type Cri, CriError, runtimeNotReady } from '@canopus/cri'
import type { KubeletOptions } from '../options.ts'
import { ensureCsiNode } from './csi-node.ts'
import { diskFacts, memoryUse } from './machine.ts'
import { MAX_IMAGES, nodeStatus, type RuntimeAbilities, runtimeAbilities, sameNodeStatus } from './node-status.ts'

/** How often the status is looked at, and written at least. */
const LOOK_EVERY = 10_000
const WRITE_EVERY = 300_000
const RETRY_AFTER = 500
const IMAGES_EVERY = 60_000
/** For so long at most a kubelet that has just started says nothing of the node, for the sake of the pods on it. */
const SILENT_FOR = 10_000

/** Registers the node and keeps its status current (upstream pkg/kubelet/kubelet_node_status.go). */
export class NodeAgent {
  readonly #options: KubeletOptions
  readonly #client: Client
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #cri: Cri
  /** Why the kubelet is not ready though the runtime answers, or answers no more; nothing where it is. */
  readonly #unready: () => string | undefined
  readonly #port: () => number | undefined
  readonly #podsTold: Promise<void>
  #node: Node | undefined
  #writtenAt = Number.NEGATIVE_INFINITY
  #images: { at: number; list: ContainerImage[] } = { at: Number.NEGATIVE_INFINITY, list: [] }
  #wake: (() => void) | undefined
  #abilities: RuntimeAbilities = { runtimeHandlers: [], runtimeFeatures: undefined }

  /** `podsTold` resolves once the API has heard how the pods are that were on the node when the kubelet started. */
  constructor(
    options: KubeletOptions,
    unready: () => string | undefined,
    port: () => number | undefined,
    podsTold: Promise<void>,
  ) {
    this.#options = options
    this.#client = options.client
    this.#clock = options.clock
    this.#logger = options.logger
    this.#cri = options.cri
    this.#unready = unready
    this.#port = port
    this.#podsTold = podsTold
  }

  /** The node as the API server last told of it. */
  get node(): Node | undefined {
    return this.#node
  }

  /** The node was changed, by whomever. Before it is registered, that is an older one's. */
  seen(node: Node): void {
    if (this.#node?.metadata.uid === node.metadata.uid) this.#node = node
  }

  /** Asks the API server for the node: its labels and taints may be newer than what the watch has brought. */
  async refresh(): Promise<void> {
    this.seen(await this.#client.resource(Nodes).get(this.#options.nodeName))
  }

  /** Looks at the status now: something that it tells of has changed. */
  nudge(): void {
    this.#wake?.()
  }

  async run(signal: AbortSignal): Promise<void> {
    let isFirst = true
    while (!signal.aborted) {
      let pause = LOOK_EVERY
      try {
        this.#node ??= await this.#registerAll(signal)
        if (isFirst) await this.#afterPods(signal)
        isFirst = false
        await this.#update(signal)
        // a node that has just come up should not wait for its turn to say that it is ready
        if (!isConditionTrue(this.#node.status?.conditions, 'Ready')) pause = RETRY_AFTER
      } catch (error) {
        if (signal.aborted) return
        this.#logger.warn('the node’s status could not be written', { error })
        this.#node = undefined
        pause = RETRY_AFTER * 2
      }
      await this.#pause(pause, signal)
    }
  }

  /**
   * A node that says that it is ready has taken its pods over: none is called ready any more whose containers were lost while no
   * kubelet was here. What the API has heard of the node until then, it goes on believing.
   */
  #afterPods(signal: AbortSignal): Promise<void> {
    return this.#within(SILENT_FOR, this.#podsTold, signal)
  }

  async #pause(delay: number, signal: AbortSignal): Promise<void> {
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    await this.#within(delay, woken, signal)
    this.#wake = undefined
  }

  /** Waits for it, no longer than `limit` milliseconds and until the signal aborts. */
  async #within(limit: number, event: Promise<void>, signal: AbortSignal): Promise<void> {
    const timer = new AbortController()
    await Promise.race([event, sleep(this.#clock, limit, AbortSignal.any([signal, timer.signal])).catch(() => {})])
    timer.abort()
  }

  async #registerAll(signal: AbortSignal): Promise<Node> {
    const node = await this.#register(signal)
    await ensureCsiNode(this.#client, node)
    return node
  }

  async #register(signal: AbortSignal): Promise<Node> {
    const { nodeName, taints, podCidr, providerId } = this.#options
    const nodes = this.#client.resource(Nodes)
    const labels = this.#labels()
    try {
      const created = await nodes.create(
        {
          metadata: {
            name: nodeName,
            labels,
            annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
          },
          spec: {
            ...(taints && taints.length > 0 && { taints: [...taints] }),
            ...(podCidr !== undefined && { podCIDR: podCidr, podCIDRs: [podCidr] }),
            ...(providerId !== undefined && { providerID: providerId }),
          },
          status: await this.#status(undefined),
        },
        { signal },
      )
      this.#logger.info('node registered', { node: nodeName })
      return created
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error
      const node = await nodes.get(nodeName, { signal })
      const missing = Object.entries(labels).filter(([name, value]) => node.metadata.labels?.[name] !== value)
      if (missing.length === 0) return node
      return nodes.patch(nodeName, 'merge', { metadata: { labels: Object.fromEntries(missing) } }, { signal })
    }
  }

  #labels(): Record<string, string> {
    const { architecture } = this.#options.machine
    return {
      'beta.kubernetes.io/arch': architecture,
      'beta.kubernetes.io/os': 'linux',
      'kubernetes.io/arch': architecture,
      'kubernetes.io/hostname': this.#options.nodeName,
      'kubernetes.io/os': 'linux',
      ...this.#options.labels,
    }
  }

  async #update(signal: AbortSignal): Promise<void> {
    const old = this.#node!
    const status = await this.#status(old)
    const now = this.#clock.monotonic()
    if (sameNodeStatus(old.status, status) && now - this.#writtenAt < WRITE_EVERY) return
    const nodes = this.#client.resource(Nodes)
    try {
      this.#node = await nodes.updateStatus({ ...old, status }, { signal })
    } catch (error) {
      if (!hasReason(error, 'Conflict')) throw error
      const fresh = await nodes.get(this.#options.nodeName, { signal })
      this.#node = await nodes.updateStatus({ ...fresh, status: await this.#status(fresh) }, { signal })
    }
    this.#writtenAt = now
  }

  async #status(node: Node | undefined) {
    const { options } = { options: this.#options }
    const [runtime, disk] = await Promise.all([this.#runtime(), diskFacts(options.dirs.root)])
    return nodeStatus(
      {
        nodeName: options.nodeName,
        nodeIps: options.nodeIps,
        machine: options.machine,
        disk,
        memory: memoryUse(),
        freePids: true,
        notReady: runtime.notReady ?? this.#unready(),
        ...runtime.abilities,
        runtimeVersion: runtime.version,
        version: options.version ?? KUBERNETES_VERSION,
        maxPods: options.maxPods ?? 110,
        reserved: options.reserved ?? {},
        port: this.#port(),
        images: await this.#imageList(),
        now: formatTime(this.#clock.now()),
      },
      node?.status,
    )
  }

  async #runtime(): Promise<{ version: string; notReady: string | undefined; abilities: RuntimeAbilities }> {
    try {
      const [version, status] = await Promise.all([this.#cri.version(), this.#cri.status()])
      this.#abilities = runtimeAbilities(status)
      return {
        abilities: this.#abilities,
        version: `${version.runtimeName}://${version.runtimeVersion}`,
        notReady: runtimeNotReady(status.status?.conditions ?? []),
      }
    } catch (error) {
      if (!(error instanceof CriError)) throw error
      return {
        abilities: this.#abilities,
        version: this.#node?.status?.nodeInfo?.containerRuntimeVersion ?? '',
        notReady: 'container runtime is down',
      }
    }
  }

  async #imageList(): Promise<ContainerImage[]> {
    const now = this.#clock.monotonic()
    if (now - this.#images.at < IMAGES_EVERY) return this.#images.list
    try {
      const { images } = await this.#cri.listImages()
      const list = images
        .map(image => ({ names: [...image.repoDigests, ...image.repoTags].slice(0, 5), sizeBytes: image.size }))
        .sort((a, b) => b.sizeBytes - a.sizeBytes || ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
        .slice(0, MAX_IMAGES)
      this.#images = { at: now, list }
    } catch (error) {
      if (!(error instanceof CriError)) throw error
    }
    return this.#images.list
  }
}
