/**
 * A plugin for the scheduler: pods go to the nodes with the lowest price (label `example.com/price`), and never where it is
 * higher than they allow (annotation `example.com/most`).
 *
 *     canopus scheduler --kubeconfig ... --plugin cheap-nodes.ts --config scheduler.json
 */
import type { SchedulerPlugin } from '@canopus/scheduler'

const priceOf = (labels: Readonly<Record<string, string>>): number => Number(labels['example.com/price'] ?? 0)

const cheapNodes: SchedulerPlugin = {
  name: 'CheapNodes',
  // What may make another answer of it: pods that were rejected are tried again then.
  events: ['NodeAdd', 'NodeLabel', 'PodUpdate'],
  filter({ pod }) {
    const most = pod.metadata.annotations?.['example.com/most']
    if (most === undefined) return undefined
    const tooDear = { plugin: 'CheapNodes', reasons: ['node(s) were too dear'], unresolvable: true }
    return { check: node => (priceOf(node.labels) > Number(most) ? tooDear : undefined) }
  },
  score() {
    return {
      score: node => priceOf(node.labels),
      // From prices to marks: the cheapest node gets 100, the dearest 0.
      normalise(scores) {
        const highest = Math.max(...scores)
        for (let i = 0; i < scores.length; i++) scores[i] = highest === 0 ? 0 : 100 - (100 * scores[i]!) / highest
      },
    }
  },
}

export default cheapNodes
