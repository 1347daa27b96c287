/** How `kubectl get pods` sees a pod (pkg/printers/internalversion/printers.go, printPod). */
import type { ContainerState, ContainerStatus, Pod } from '../../../generated/core.v1.ts'
import type { PrinterColumn, TableRowCondition } from '../../../kind.ts'
import { ageOf } from '../../shared/age.ts'
import { ageColumn, nameColumn, of, text, wide } from '../../shared/columns.ts'

interface Summary {
  ready: number
  total: number
  reason: string
  restarts: number
  /** When a counted container last ended, in milliseconds; 0 if never. */
  lastRestart: number
}

const lastEnd = (status: ContainerStatus): number => {
  const finished = status.lastState?.terminated?.finishedAt
  return finished === undefined || finished === null ? 0 : Date.parse(finished)
}

const hasCondition = (pod: Pod, type: string): boolean =>
  pod.status?.conditions?.some(each => each.type === type && each.status === 'True') ?? false

function endReason(state: ContainerState): string {
  const ended = state.terminated!
  if (ended.reason) return ended.reason
  return ended.signal ? `Signal:${ended.signal}` : `ExitCode:${ended.exitCode}`
}

/** What stands in the Ready, Status and Restarts columns, before formatting. */
export function summarize(pod: Pod): Summary {
  const status = pod.status ?? {}
  const summary: Summary = {
    ready: 0,
    total: pod.spec.containers?.length ?? 0,
    reason: status.reason || status.phase || '',
    restarts: 0,
    lastRestart: 0,
  }
  if (status.conditions?.some(each => each.type === 'PodScheduled' && each.reason === 'SchedulingGated')) {
    summary.reason = 'SchedulingGated'
  }
  const initializing = addInitContainers(pod, summary)
  if (!initializing || hasCondition(pod, 'Initialized')) addContainers(pod, summary)
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') summary.reason = 'Unknown'
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') summary.reason = 'Terminating'
  }
  return summary
}

/** Counts init containers; answers whether the pod still initialises. Afterwards only sidecars count as restarts. */
function addInitContainers(pod: Pod, summary: Summary): boolean {
  const sidecars = new Set<string>()
  for (const each of pod.spec.initContainers ?? []) if (each.restartPolicy === 'Always') sidecars.add(each.name)
  summary.total += sidecars.size
  let sidecarRestarts = 0
  let sidecarLast = 0
  let initializing = false
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    summary.restarts += status.restartCount
    summary.lastRestart = Math.max(summary.lastRestart, lastEnd(status))
    const sidecar = sidecars.has(status.name)
    if (sidecar) {
      sidecarRestarts += status.restartCount
      sidecarLast = Math.max(sidecarLast, lastEnd(status))
    }
    const state = status.state ?? {}
    if (state.terminated?.exitCode === 0) continue
    if (sidecar && status.started) {
      if (status.ready) summary.ready++
      continue
    }
    const waiting = state.waiting?.reason
    if (state.terminated) summary.reason = `Init:${endReason(state)}`
    else if (waiting && waiting !== 'PodInitializing') summary.reason = `Init:${waiting}`
    else summary.reason = `Init:${index}/${pod.spec.initContainers?.length ?? 0}`
    initializing = true
    break
  }
  if (!initializing || hasCondition(pod, 'Initialized')) {
    summary.restarts = sidecarRestarts
    summary.lastRestart = sidecarLast
  }
  return initializing
}

function addContainers(pod: Pod, summary: Summary): void {
  let running = false
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    summary.restarts += status.restartCount
    summary.lastRestart = Math.max(summary.lastRestart, lastEnd(status))
    const state = status.state ?? {}
    if (state.waiting?.reason) summary.reason = state.waiting.reason
    else if (state.terminated) summary.reason = endReason(state)
    else if (status.ready && state.running) {
      running = true
      summary.ready++
    }
  }
  if (summary.reason === 'Completed' && running) {
    summary.reason = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady'
  }
}

function restarts(pod: Pod, now: number): string {
  const { restarts: count, lastRestart } = summarize(pod)
  if (count === 0 || lastRestart === 0) return String(count)
  return `${count} (${ageOf(new Date(lastRestart).toISOString(), now)} ago)`
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? []
  if (gates.length === 0) return '<none>'
  return `${gates.filter(gate => hasCondition(pod, gate.conditionType)).length}/${gates.length}`
}

const ENDED: Readonly<Record<string, readonly TableRowCondition[]>> = {
  Succeeded: ended('Succeeded', 'The pod has completed successfully.'),
  Failed: ended('Failed', 'The pod failed.'),
}

function ended(reason: string, message: string): readonly TableRowCondition[] {
  return [{ type: 'Completed', status: 'True', reason, message }]
}

export const rowConditions = ({ status }: Pod): readonly TableRowCondition[] | undefined => ENDED[status?.phase ?? '']

export const podColumns: readonly PrinterColumn<Pod>[] = [
  nameColumn,
  text('Ready', 'The aggregate readiness state of this pod for accepting traffic.', pod => {
    const { ready, total } = summarize(pod)
    return `${ready}/${total}`
  }),
  text('Status', 'The aggregate status of the containers in this pod.', pod => summarize(pod).reason),
  text(
    'Restarts',
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    restarts,
  ),
  ageColumn,
  wide('IP', of('core.v1.PodStatus.podIP'), pod => pod.status?.podIPs?.[0]?.ip || '<none>'),
  wide('Node', of('core.v1.PodSpec.nodeName'), pod => pod.spec.nodeName || '<none>'),
  wide('Nominated Node', of('core.v1.PodStatus.nominatedNodeName'), pod => pod.status?.nominatedNodeName || '<none>'),
  wide('Readiness Gates', of('core.v1.PodSpec.readinessGates'), readinessGates),
]
