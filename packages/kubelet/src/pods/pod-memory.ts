import type { Container, PodCondition } from '@canopus/api/core/v1'
import type { ProbeManager } from '../probes/manager.ts'
import type { ContainerKnowledge, Waiting } from '../status/container-status.ts'
import { KeyedBackOff } from './back-off.ts'

/** What the kubelet remembers of a pod from one look to the next; all of it may be lost. */
export class PodMemory {
  readonly backOff = new KeyedBackOff()
  /** By container name. */
  readonly waiting = new Map<string, Waiting>()
  /** Containers that could not be created, by name: when they are tried again, on the monotonic clock, and of which pod's generation. */
  readonly held = new Map<string, { until: number; generation: number | undefined }>()
  /** Why the pod was refused or ended by the kubelet itself. */
  verdict: { reason: string; message: string } | undefined
  /** Set with the verdict where another pod needs the node more. */
  disruption: Pick<PodCondition, 'status' | 'reason' | 'message'> | undefined
  admitted = false
  /** How often in a row the pod could not be prepared: volumes, sandbox. */
  failures = 0
  /** Since when the pod waits for its volumes, by the monotonic clock; nothing while it does not. */
  unmountedSince: number | undefined

  knowledge(probes: ProbeManager): Omit<ContainerKnowledge, 'over'> {
    return {
      waiting: this.waiting,
      ready: (id: string, container: Container) =>
        container.readinessProbe === undefined || probes.readiness(id) === true,
      started: (id: string, container: Container) =>
        container.startupProbe === undefined || probes.startup(id) === true,
    }
  }
}
