import type { RuntimeCondition } from './types.ts'

/** The conditions without which a node is not ready, and what upstream's kubelet calls each. */
const NEEDED = [
  { type: 'RuntimeReady', name: 'container runtime' },
  { type: 'NetworkReady', name: 'container runtime network' },
] as const

/**
 * Why the container runtime keeps its node from being ready; nothing where it does not. What else runtimes report, such as
 * containerd's warnings of what it will leave out one day, is for people to read (`updateRuntimeUp`, pkg/kubelet/kubelet.go).
 */
export function runtimeNotReady(conditions: readonly RuntimeCondition[]): string | undefined {
  const errors = NEEDED.flatMap(({ type, name }) => {
    const found = conditions.find(each => each.type === type)
    return found?.status ? [] : [`${name} not ready: ${found ? textOf(found) : '<nil>'}`]
  })
  return errors.length > 1 ? `[${errors.join(', ')}]` : errors[0]
}

const textOf = ({ type, status, reason, message }: RuntimeCondition): string =>
  `${type}=${status} reason:${reason} message:${message}`
