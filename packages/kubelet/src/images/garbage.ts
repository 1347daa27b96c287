import type { Clock, Logger } from '@canopus/base'
import { type Cri, CriError, type Image } from '@canopus/cri'
import type { DiskFacts } from '../node/machine.ts'
import type { PodRuntime } from '../runtime/pod-runtime.ts'

export interface ImageUse {
  firstSeen: number
  lastUsed: number
}

export interface ImageGarbageLimits {
  /** Percent of the disk from which on images are removed. */
  high: number
  /** Percent of the disk down to which they are. */
  low: number
  /** Milliseconds that an image must have been there. */
  leastAge: number
}

/** Upstream's defaults (pkg/kubelet/apis/config/v1beta1/defaults.go). */
const LIMITS: ImageGarbageLimits = { high: 85, low: 80, leastAge: 120_000 }

/** Which images go so that the disk is no fuller than `low`: unused ones, the longest unused first. */
export function planImageGarbage(
  images: readonly Image[],
  used: ReadonlySet<string>,
  use: ReadonlyMap<string, ImageUse>,
  disk: Pick<DiskFacts, 'capacityBytes' | 'availableBytes'>,
  now: number,
  limits: ImageGarbageLimits = LIMITS,
): string[] {
  const full = 100 - Math.floor((disk.availableBytes * 100) / disk.capacityBytes)
  if (full < limits.high) return []
  let toFree = Math.floor((disk.capacityBytes * (100 - limits.low)) / 100) - disk.availableBytes
  const removed: string[] = []
  const candidates = images
    .filter(
      image => !image.pinned && !used.has(image.id) && now - (use.get(image.id)?.firstSeen ?? now) >= limits.leastAge,
    )
    .sort((a, b) => (use.get(a.id)?.lastUsed ?? 0) - (use.get(b.id)?.lastUsed ?? 0))
  for (const image of candidates) {
    if (toFree <= 0) break
    removed.push(image.id)
    toFree -= image.size
  }
  return removed
}

/** Removes unused images when the disk gets full (upstream pkg/kubelet/images/image_gc_manager.go). */
export class ImageGarbageCollector {
  readonly #cri: Cri
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #pauseImage: string
  readonly #use = new Map<string, ImageUse>()

  constructor(cri: Cri, clock: Clock, logger: Logger, pauseImage: string) {
    this.#cri = cri
    this.#clock = clock
    this.#logger = logger
    this.#pauseImage = pauseImage
  }

  /** `mounted` are the images that pods have as volumes. */
  async collect(pods: Iterable<PodRuntime>, disk: DiskFacts, mounted: ReadonlySet<string> = new Set()): Promise<void> {
    const { images } = await this.#cri.listImages()
    const now = this.#clock.now()
    const references = new Set([...pods].flatMap(pod => pod.containers.flatMap(each => [each.imageId, each.image])))
    for (const image of mounted) references.add((await this.#cri.imageStatus({ image: { image } })).image?.id ?? image)
    const isUsed = (image: Image): boolean =>
      [image.id, ...image.repoTags, ...image.repoDigests].some(name => references.has(name)) ||
      image.repoTags.includes(this.#pauseImage)
    const used = new Set(images.filter(isUsed).map(image => image.id))
    for (const image of images) {
      const known = this.#use.get(image.id) ?? { firstSeen: now, lastUsed: 0 }
      if (used.has(image.id)) known.lastUsed = now
      this.#use.set(image.id, known)
    }
    for (const id of planImageGarbage(images, used, this.#use, disk, now)) {
      this.#logger.info('removing an unused image', { image: id })
      try {
        await this.#cri.removeImage({ image: { image: id } })
        this.#use.delete(id)
      } catch (error) {
        if (!(error instanceof CriError)) throw error
        this.#logger.warn('an image could not be removed', { image: id, error: error.message })
      }
    }
  }
}
