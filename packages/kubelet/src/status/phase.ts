import type { ContainerStatus, Pod } from '@canopus/api/core/v1'
import { isRestartable } from '../pods/pod-text.ts'

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

/**
 * A pod's phase from its containers' statuses (upstream pkg/kubelet/kubelet_pods.go, getPhase). `terminal`: the pod is being
 * ended for good. `initialized`: regular containers have been started, so init containers no longer count as pending.
 */
export function podPhase(
  pod: Pod,
  init: readonly ContainerStatus[],
  regular: readonly ContainerStatus[],
  terminal: boolean,
  initialized: boolean,
): PodPhase {
  let pending = 0
  let failed = 0
  for (const container of pod.spec.initContainers ?? []) {
    const verdict = initVerdict(
      isRestartable(container),
      init.find(each => each.name === container.name),
    )
    if (verdict === 'pending') pending++
    if (verdict === 'failed') failed++
  }
  const counts = countStates(pod, init, regular)
  if (failed > 0 && pod.spec.restartPolicy === 'Never') return 'Failed'
  if (!terminal && !initialized && pending + failed > 0) return 'Pending'
  if (terminal && !initialized && pending + failed > 0) return 'Failed'
  return regularPhase(pod, counts, terminal)
}

function initVerdict(restartable: boolean, status: ContainerStatus | undefined): 'pending' | 'failed' | 'passed' {
  const { running, terminated, waiting } = status?.state ?? {}
  if (restartable) return running && status?.started ? 'passed' : 'pending'
  if (terminated) return terminated.exitCode === 0 ? 'passed' : 'failed'
  if (waiting && status?.lastState?.terminated && status.lastState.terminated.exitCode !== 0) return 'failed'
  return 'pending'
}

interface Counts {
  waiting: number
  running: number
  stopped: number
  succeeded: number
}

function countStates(pod: Pod, init: readonly ContainerStatus[], regular: readonly ContainerStatus[]): Counts {
  // a sidecar that still runs holds up the end
  const sidecars = (pod.spec.initContainers ?? []).filter(isRestartable)
  const running = sidecars.filter(({ name }) => init.find(each => each.name === name)?.state?.running).length
  const counts: Counts = { waiting: 0, running, stopped: 0, succeeded: 0 }
  for (const container of pod.spec.containers) {
    const status = regular.find(each => each.name === container.name)
    if (status?.state?.running) counts.running++
    else if (status?.state?.terminated) {
      counts.stopped++
      if (status.state.terminated.exitCode === 0) counts.succeeded++
    } else if (status?.lastState?.terminated) counts.stopped++
    else counts.waiting++
  }
  return counts
}

function regularPhase(pod: Pod, { waiting, running, stopped, succeeded }: Counts, terminal: boolean): PodPhase {
  if (waiting > 0) return terminal ? 'Failed' : 'Pending'
  if (running > 0) return 'Running'
  if (terminal) return stopped === succeeded ? 'Succeeded' : 'Failed'
  if (pod.spec.restartPolicy === 'Never') return stopped === succeeded ? 'Succeeded' : 'Failed'
  if (pod.spec.restartPolicy === 'OnFailure' && stopped === succeeded) return 'Succeeded'
  return 'Running'
}
