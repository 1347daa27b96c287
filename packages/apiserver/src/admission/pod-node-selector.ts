import type { Namespace } from '@canopus/api/core/v1'
import { checkLabelValue, checkQualifiedName, forbiddenError, plainError } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { type AdmissionContext, namespaceOf, podOf } from './shared.ts'

type Labels = Readonly<Record<string, string>>

const ANNOTATION = 'scheduler.alpha.kubernetes.io/node-selector'
/** The namespace, as it were, whose selector those have that have none. */
const DEFAULT = 'clusterDefaultNodeSelector'

/**
 * Pods run only on nodes that their namespace is given, by its annotation or by the file, which also says how far each namespace
 * may go (plugin/pkg/admission/podnodeselector).
 */
export function podNodeSelector({ objects, configuration }: AdmissionContext): AdmissionPlugin {
  const selectors = configuration?.nodeSelectors ?? {}
  const refused = (attributes: AdmissionAttributes, why: string) =>
    forbiddenError({ group: '', resource: 'pods', name: podOf(attributes).metadata.name ?? '' }, why)
  async function selectorFor(attributes: AdmissionAttributes): Promise<Labels> {
    const namespace = await namespaceOf(objects, attributes.namespace)
    const selector = labelsOf(annotated(namespace) ?? selectors[DEFAULT] ?? '')
    const own = podOf(attributes).spec?.nodeSelector ?? {}
    if (Object.entries(own).some(([key, value]) => selector[key] !== undefined && selector[key] !== value)) {
      throw refused(attributes, 'pod node label selector conflicts with its namespace node label selector')
    }
    return selector
  }
  return {
    name: 'PodNodeSelector',
    operations: ['CREATE'],
    resources: ['/pods'],
    async mutate(attributes) {
      const selector = await selectorFor(attributes)
      const { spec } = podOf(attributes)
      if (spec !== undefined && Object.keys(selector).length > 0)
        spec.nodeSelector = { ...selector, ...spec.nodeSelector }
    },
    async validate(attributes) {
      await selectorFor(attributes)
      const allowed = labelsOf(selectors[attributes.namespace] ?? '')
      if (Object.keys(allowed).length === 0) return
      const own = Object.entries(podOf(attributes).spec?.nodeSelector ?? {})
      if (own.every(([key, value]) => allowed[key] === value)) return
      throw refused(attributes, 'pod node label selector labels conflict with its namespace whitelist')
    },
  }
}

const annotated = ({ metadata }: Namespace): string | undefined => metadata.annotations?.[ANNOTATION]

/** `a=b,c=d`. Throws where it is anything else (labels.ConvertSelectorToLabelsMap). */
function labelsOf(text: string): Labels {
  if (text === '') return {}
  const entries = text.split(',').map(word => {
    const [key = '', value, more] = word.split('=').map(each => each.trim())
    if (value === undefined || more !== undefined) throw plainError(`invalid selector: [${text.split(',').join(' ')}]`)
    const problems = [...checkQualifiedName(key), ...checkLabelValue(value)]
    if (problems.length > 0) throw plainError(`invalid selector ${JSON.stringify(word)}: ${problems.join('; ')}`)
    return [key, value] as const
  })
  return Object.fromEntries(entries)
}
