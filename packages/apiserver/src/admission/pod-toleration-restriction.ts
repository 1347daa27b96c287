import { podQosClass } from '@canopus/api'
import type { Namespace, Toleration } from '@canopus/api/core/v1'
import { plainError } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import type { AdmissionPlugin } from '../security.ts'
import { type AdmissionContext, namespaceOf, podOf } from './shared.ts'
import { covers, mergeTolerations } from './tolerations.ts'

const DEFAULTS = 'scheduler.alpha.kubernetes.io/defaultTolerations'
const WHITELIST = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist'
const MEMORY_PRESSURE: Toleration = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
}

/** What pods tolerate by their namespace, and what they may tolerate (plugin/pkg/admission/podtolerationrestriction). */
export function podTolerationRestriction({ objects, configuration }: AdmissionContext): AdmissionPlugin {
  const cluster = configuration?.podTolerations ?? { default: [], whitelist: [] }
  return {
    name: 'PodTolerationRestriction',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods'],
    async mutate(attributes) {
      const pod = podOf(attributes)
      if (pod.spec === undefined) return
      const isNew = attributes.operation === 'CREATE'
      const namespace = isNew ? await namespaceOf(objects, attributes.namespace) : undefined
      const extra = namespace === undefined ? [] : [...(tolerationsOf(namespace, DEFAULTS) ?? cluster.default)]
      if (podQosClass(pod.spec) !== 'BestEffort') extra.push(MEMORY_PRESSURE)
      if (extra.length > 0) pod.spec.tolerations = mergeTolerations([...(pod.spec.tolerations ?? []), ...extra])
    },
    async validate(attributes) {
      const tolerations = podOf(attributes).spec?.tolerations ?? []
      if (tolerations.length === 0) return
      const own = tolerationsOf(await namespaceOf(objects, attributes.namespace), WHITELIST)
      const allowed = own ?? cluster.whitelist
      if (allowed.length === 0 || tolerations.every(each => allowed.some(wide => covers(wide, each)))) return
      const scope = own === undefined ? 'cluster' : 'namespace'
      const what = 'pod tolerations (possibly merged with namespace default tolerations)'
      throw plainError(`${what} conflict with its ${scope} whitelist`)
    },
  }
}

/** Those of an annotation, none where it is empty, and `undefined` where there is no such annotation. */
function tolerationsOf({ metadata }: Namespace, annotation: string): readonly Toleration[] | undefined {
  const text = metadata.annotations?.[annotation]
  if (text === undefined || text === '') return text === undefined ? undefined : []
  try {
    const list: unknown = JSON.parse(text)
    if (Array.isArray(list)) return list as Toleration[]
    if (list === null) return []
  } catch (error) {
    throw plainError(messageOf(error))
  }
  throw plainError(`annotation ${annotation} is no list of tolerations`)
}
