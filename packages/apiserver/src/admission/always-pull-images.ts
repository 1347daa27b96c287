import type { Pod, PodSpec } from '@canopus/api/core/v1'
import { aggregateText, fieldErrorText, notSupported, plainError } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { podOf, refusal } from './shared.ts'

const ALWAYS = 'Always'
const LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const

interface Pulled {
  readonly path: string
  readonly policy: string
  set(): void
}

/** Every image is asked for at its registry, so that nobody runs what others may pull (plugin/pkg/admission/alwayspullimages). */
export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/pods'],
  mutate(attributes) {
    if (hasNoNewImage(attributes)) return
    for (const each of pulledBy(podOf(attributes).spec)) each.set()
  },
  validate(attributes) {
    if (hasNoNewImage(attributes)) return
    const wrong = pulledBy(podOf(attributes).spec).filter(({ policy }) => policy !== ALWAYS)
    if (wrong.length === 0) return
    const texts = wrong.map(({ path, policy }) => fieldErrorText(notSupported(path, policy, [ALWAYS])))
    throw plainError(aggregateText(texts.map(text => refusal(attributes, text).message)))
  },
}

function pulledBy(spec: PodSpec | undefined): Pulled[] {
  const containers = LISTS.flatMap(list =>
    (spec?.[list] ?? []).map((container, index) => ({
      path: `spec.${list}[${index}].imagePullPolicy`,
      policy: container.imagePullPolicy ?? '',
      set: () => {
        container.imagePullPolicy = ALWAYS
      },
    })),
  )
  const volumes = (spec?.volumes ?? []).flatMap(({ image }, index) =>
    image === undefined
      ? []
      : [
          {
            path: `spec.volumes[${index}].image.pullPolicy`,
            policy: image.pullPolicy ?? '',
            set: () => {
              image.pullPolicy = ALWAYS
            },
          },
        ],
  )
  return [...containers, ...volumes]
}

function hasNoNewImage({ operation, object, oldObject }: AdmissionAttributes): boolean {
  if (operation !== 'UPDATE') return false
  const known = new Set(imagesOf(oldObject as Pod))
  return imagesOf(object as Pod).every(image => known.has(image))
}

const imagesOf = ({ spec }: Pod): string[] => LISTS.flatMap(list => (spec?.[list] ?? []).map(({ image = '' }) => image))
