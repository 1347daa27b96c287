/** Which pods a selector chooses, found by their labels: namespaces with thousands of pods are usual. */
import { Pods } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { type Labels, matches, type Selector } from '@canopus/apimachinery'
import type { ControllerContext } from '@canopus/operator'

const BY_LABEL = 'label'

export const labelKeys = (namespace: string | undefined, labels: Labels | undefined): string[] =>
  Object.entries(labels ?? {}).map(([name, value]) => labelKey(namespace, name, value))
export const labelsOf = ({ metadata }: Pod): string[] => labelKeys(metadata.namespace, metadata.labels)
const labelKey = (namespace: string | undefined, name: string, value: string): string => `${namespace} ${name}=${value}`

/** To be called before the informers start. */
export function podsBySelector({
  informers,
}: Pick<ControllerContext, 'informers'>): (namespace: string | undefined, selector: Selector) => readonly Pod[] {
  const pods = informers.informer(Pods)
  pods.addIndex(BY_LABEL, labelsOf)
  return (namespace, selector) => {
    if (selector === 'nothing') return []
    let fewest: readonly Pod[] | undefined
    for (const { key, operator, values } of selector) {
      if (values.length !== 1 || !['=', '==', 'in'].includes(operator)) continue
      const found = pods.lister.byIndex(BY_LABEL, labelKey(namespace, key, values[0]!))
      if (fewest === undefined || found.length < fewest.length) fewest = found
    }
    return (fewest ?? pods.lister.list(namespace)).filter(pod => matches(selector, pod.metadata.labels))
  }
}
