/**
 * Tells kubelets by an annotation how long they may rely on what they last read: the bigger the cluster, the longer. Behaviour:
 * kubernetes pkg/controller/ttl.
 */
import { Nodes } from '@canopus/api'
import type { Node } from '@canopus/api/core/v1'
import { hasReason } from '@canopus/apimachinery'
import { type Controller, type ControllerContext, defineController, on } from '@canopus/operator'

export const TTL_ANNOTATION = 'node.alpha.kubernetes.io/ttl'

/**
 * Milliseconds before an annotation that the cluster's size has made wrong is corrected: while a cluster grows, each node would be
 * written once for each of the sizes that it passes. What somebody else wrote there is corrected at once.
 */
const CORRECTION_DELAY = 10_000

/** Sizes overlap, so that a cluster at a boundary does not go to and fro. */
const STEPS = [
  { fewest: 0, most: 100, seconds: 0 },
  { fewest: 90, most: 500, seconds: 15 },
  { fewest: 450, most: 1000, seconds: 30 },
  { fewest: 900, most: 2000, seconds: 60 },
  { fewest: 1800, most: 10_000, seconds: 300 },
  { fewest: 9000, most: Number.POSITIVE_INFINITY, seconds: 600 },
] as const

/** The step for a cluster of so many nodes that was at step `step` before. */
export function nextStep(step: number, nodes: number): number {
  let next = step
  while (nodes > STEPS[next]!.most) next += 1
  while (nodes < STEPS[next]!.fewest) next -= 1
  return next
}

export const secondsAt = (step: number): number => STEPS[step]!.seconds

const annotationOf = ({ metadata }: Node): string | undefined => metadata.annotations?.[TTL_ANNOTATION]

export function createTtlController(context: ControllerContext): Controller {
  const nodes = context.informers.informer(Nodes)
  let step = 0
  let count = 0
  const wanted = (): string => {
    step = nextStep(step, count)
    return String(secondsAt(step))
  }
  const isRight = (node: Node): boolean => annotationOf(node) === wanted()
  return defineController(context, {
    name: 'ttl-controller',
    triggers: [
      on(Nodes, ({ object, old, deleted }, enqueue) => {
        if (deleted) count--
        else if (old === undefined) count++
        if (deleted || isRight(object)) return
        const isOurs = old !== undefined && annotationOf(old) === annotationOf(object)
        enqueue(object.metadata.name, isOurs ? CORRECTION_DELAY : 0)
      }),
    ],
    async reconcile(name) {
      const node = nodes.lister.get(name)
      if (node === undefined || isRight(node)) return undefined
      const patch = { metadata: { annotations: { [TTL_ANNOTATION]: wanted() } } }
      try {
        await context.client.resource(Nodes).patch(name, 'strategic', patch)
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
      return undefined
    },
  })
}
