import { MAX_SCORE, type SchedulerPlugin } from '../framework.ts'
import { normalImageName } from '../node-info.ts'

const MEGABYTE = 1024 * 1024
const SMALLEST = 23 * MEGABYTE
const LARGEST_PER_CONTAINER = 1000 * MEGABYTE

/** Prefers nodes that have the pod's images, weighed by how many nodes have them, so that not all pods flock to one. */
export const imageLocality: SchedulerPlugin = {
  name: 'ImageLocality',
  score(pod, { cache }) {
    const spec = pod.pod.spec
    const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]
    const images = containers.flatMap(each => {
      const image = normalImageName(each.image ?? '')
      const spread = cache.nodesWithImage(image) / cache.nodes.length
      return spread > 0 ? [{ image, spread }] : []
    })
    if (images.length === 0) return undefined
    const most = LARGEST_PER_CONTAINER * containers.length
    return {
      score(node) {
        let bytes = 0
        for (const { image, spread } of images) bytes += Math.floor((node.images.get(image) ?? 0) * spread)
        const bounded = Math.min(Math.max(bytes, SMALLEST), most)
        return Math.floor((MAX_SCORE * (bounded - SMALLEST)) / (most - SMALLEST))
      },
    }
  },
}
