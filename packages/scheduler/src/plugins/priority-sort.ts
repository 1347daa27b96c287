import type { SchedulerPlugin } from '../framework.ts'

/** More important pods first, then those that have waited longer. */
export const prioritySort: SchedulerPlugin = {
  name: 'PrioritySort',
  compare: (a, b) => b.pod.priority - a.pod.priority || a.queuedAt - b.queuedAt || a.sequence - b.sequence,
}
