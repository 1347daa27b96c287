import type { Failure, Rejection } from './framework.ts'

export const NO_NODES_MESSAGE = 'no nodes available to schedule pods'

/** `0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.`, as upstream's FitError words it. */
export function failureMessage(failure: Failure, allNodes: number, postFilter?: string): string {
  const { early, rejections } = failure
  let message = `0/${allNodes} nodes are available:`
  if (early !== undefined) message += ` ${early.reasons.join(', ')}.`
  else {
    const counted = countReasons(rejections.counts)
    if (counted.length > 0) message += ` ${counted.join(', ')}.`
  }
  return postFilter === undefined || postFilter === '' ? message : `${message} ${postFilter}`
}

function countReasons(rejections: ReadonlyMap<Rejection, number>): string[] {
  const counts = new Map<string, number>()
  for (const [{ reasons }, nodes] of rejections)
    for (const each of reasons) counts.set(each, (counts.get(each) ?? 0) + nodes)
  return [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
}

/** The plugins whose rejections stand in the way. */
export function rejectingPlugins(failure: Failure): ReadonlySet<string> {
  const plugins = new Set<string>()
  for (const { plugin } of failure.rejections.counts.keys()) plugins.add(plugin)
  if (failure.early !== undefined) plugins.add(failure.early.plugin)
  return plugins
}

/** More than this does not go into an event. */
const LONGEST_NOTE = 1024
const ELLIPSIS = ' ...'

/** The message, cut off where it is too long for an event. */
export function asNote(message: string): string {
  if (message.length <= LONGEST_NOTE) return message
  return `${message.slice(0, LONGEST_NOTE - ELLIPSIS.length)}${ELLIPSIS}`
}
