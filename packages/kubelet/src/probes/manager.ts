import type { Container, Pod, Probe } from '@canopus/api/core/v1'
import type { Clock } from '@canopus/base'
import type { Cri } from '@canopus/cri'
import type { PodEvents } from '../events.ts'
import type { ProbeVerdicts } from '../pods/plan.ts'
import { isRestartable } from '../pods/pod-text.ts'
import type { PodRuntime } from '../runtime/pod-runtime.ts'
import { RUNTIME_SCHEME } from '../status/container-status.ts'
import { runProbe } from './run-probe.ts'
import { ProbeWorker } from './worker.ts'

type ProbeKind = 'startup' | 'readiness' | 'liveness'
const KINDS: readonly ProbeKind[] = ['startup', 'readiness', 'liveness']
const TITLES = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' } as const

export interface ProbeManagerOptions {
  cri: Cri
  clock: Clock
  events: PodEvents
  /** Called when a verdict changed. */
  changed(uid: string): void
}

/** Runs the probes of all running containers, and knows their verdicts by container id. */
export class ProbeManager implements ProbeVerdicts {
  readonly #options: ProbeManagerOptions
  readonly #workers = new Map<string, Map<string, ProbeWorker>>()
  /** The same workers, by kind and container id. */
  readonly #byKey = new Map<string, ProbeWorker>()
  readonly #ending = new Set<string>()

  constructor(options: ProbeManagerOptions) {
    this.#options = options
  }

  liveness(containerId: string): boolean | undefined {
    return this.#verdict('liveness', containerId)
  }

  startup(containerId: string): boolean | undefined {
    return this.#verdict('startup', containerId)
  }

  readiness(containerId: string): boolean | undefined {
    return this.#verdict('readiness', containerId)
  }

  /** Starts the probes of containers that run now, ends those of containers that do not. `ip` is where the pod answers. */
  sync(pod: Pod, runtime: PodRuntime, ip: string): void {
    const { uid } = pod.metadata
    const workers = this.#workers.get(uid) ?? new Map<string, ProbeWorker>()
    this.#workers.set(uid, workers)
    const wanted = new Set<string>()
    const probed = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isRestartable)]
    for (const container of probed) {
      const record = runtime.containers.find(each => each.name === container.name)
      if (record?.state !== 'running') continue
      for (const kind of KINDS) {
        const probe = container[`${kind}Probe`]
        if (probe === undefined) continue
        const key = `${kind}/${record.id}`
        wanted.add(key)
        if (workers.has(key)) continue
        const worker = this.#worker(pod, container, kind, probe, record.id, record.startedAt, ip)
        workers.set(key, worker)
        this.#byKey.set(key, worker)
      }
    }
    for (const [key, worker] of workers) {
      if (wanted.has(key)) continue
      worker.stop()
      workers.delete(key)
      this.#byKey.delete(key)
    }
  }

  /** From now on only readiness counts: a pod that ends must not be ended again. */
  ending(uid: string): void {
    this.#ending.add(uid)
  }

  forget(uid: string): void {
    for (const [key, worker] of this.#workers.get(uid) ?? []) {
      worker.stop()
      this.#byKey.delete(key)
    }
    this.#workers.delete(uid)
    this.#ending.delete(uid)
  }

  stop(): void {
    for (const uid of [...this.#workers.keys()]) this.forget(uid)
  }

  #verdict(kind: ProbeKind, containerId: string): boolean | undefined {
    return this.#byKey.get(`${kind}/${containerId}`)?.verdict
  }

  #worker(
    pod: Pod,
    container: Container,
    kind: ProbeKind,
    probe: Probe,
    containerId: string,
    startedAt: number,
    ip: string,
  ): ProbeWorker {
    const { uid } = pod.metadata
    const { cri, clock, events, changed } = this.#options
    return new ProbeWorker({
      probe,
      startedAt,
      initial: initialVerdict(pod, kind, containerId),
      stopsOn: kind === 'startup' ? 'both' : kind === 'liveness' ? 'failure' : 'nothing',
      now: () => clock.now(),
      setTimer: (delay, callback) => clock.setTimer(delay, callback),
      enabled: () => {
        if (kind !== 'readiness' && this.#ending.has(uid)) return false
        return kind === 'startup' || container.startupProbe === undefined || this.startup(containerId) === true
      },
      run: () => runProbe(cri, clock, probe, { containerId, container, ip }),
      failed: (message, error) => {
        const verb = error ? 'errored and resulted in failure state' : 'failed'
        events.warning(pod, 'Unhealthy', `${TITLES[kind]} probe ${verb}: ${message}`, container.name)
      },
      changed: () => {
        if (kind === 'startup') for (const worker of this.#workers.get(uid)?.values() ?? []) worker.nudge()
        changed(uid)
      },
    })
  }
}

/**
 * What holds until the probe has spoken. A container that runs already when the kubelet starts is what the API says of it
 * (KEP 4781): a new kubelet must not take pods out of service.
 */
function initialVerdict(pod: Pod, kind: ProbeKind, containerId: string): boolean | undefined {
  if (kind === 'liveness') return undefined
  const known = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(
    status => status.containerID === RUNTIME_SCHEME + containerId,
  )
  if (kind === 'readiness') return known?.ready ?? false
  return known?.started ? true : undefined
}
