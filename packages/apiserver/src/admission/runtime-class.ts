import { RuntimeClasses } from '@canopus/api'
import type { PodSpec } from '@canopus/api/core/v1'
import type { RuntimeClass } from '@canopus/api/node/v1'
import { compareQuantities, givenField } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin, Maybe } from '../security.ts'
import { type AdmissionContext, podOf, refusal } from './shared.ts'
import { mergeTolerations } from './tolerations.ts'

const MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"

/** Gives pods the overhead and the scheduling constraints of their runtime class (plugin/pkg/admission/runtimeclass). */
export function runtimeClass({ objects }: AdmissionContext): AdmissionPlugin {
  function find(attributes: AdmissionAttributes): Maybe<RuntimeClass | undefined> {
    const name = podOf(attributes).spec?.runtimeClassName
    if (name === undefined) return undefined
    const cached = objects.get(RuntimeClasses, name)
    if (cached !== undefined) return cached
    return objects.getFresh(RuntimeClasses, name).then(fresh => {
      if (fresh === undefined) throw refusal(attributes, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
      return fresh
    })
  }
  function apply(attributes: AdmissionAttributes, found: RuntimeClass | undefined): void {
    const spec = podOf(attributes).spec
    if (found === undefined || spec === undefined) return
    setOverhead(attributes, spec, found)
    setScheduling(attributes, spec, found)
  }
  function check(attributes: AdmissionAttributes, found: RuntimeClass | undefined): void {
    const spec = podOf(attributes).spec
    const overhead = spec && givenField(spec, 'overhead')
    if (found?.overhead !== undefined) {
      if (!sameAmounts(overhead, found.overhead.podFixed)) throw refusal(attributes, MISMATCH)
    } else if (overhead !== undefined) {
      throw refusal(attributes, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
    }
  }
  return {
    name: 'RuntimeClass',
    operations: ['CREATE'],
    resources: ['/pods'],
    mutate(attributes) {
      const found = find(attributes)
      return found instanceof Promise ? found.then(each => apply(attributes, each)) : apply(attributes, found)
    },
    validate(attributes) {
      const found = find(attributes)
      return found instanceof Promise ? found.then(each => check(attributes, each)) : check(attributes, found)
    },
  }
}

function setOverhead(attributes: AdmissionAttributes, spec: PodSpec, { overhead }: RuntimeClass): void {
  if (overhead === undefined) return
  const isGiven = Object.keys(spec.overhead ?? {}).length > 0
  if (isGiven && !sameAmounts(spec.overhead, overhead.podFixed)) throw refusal(attributes, MISMATCH)
  if (overhead.podFixed !== undefined) spec.overhead = { ...overhead.podFixed }
}

function setScheduling(attributes: AdmissionAttributes, spec: PodSpec, { scheduling }: RuntimeClass): void {
  if (scheduling === undefined) return
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key]
    if (own !== undefined && own !== value) {
      throw refusal(
        attributes,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      )
    }
  }
  if (scheduling.nodeSelector !== undefined) spec.nodeSelector = { ...spec.nodeSelector, ...scheduling.nodeSelector }
  if (scheduling.tolerations !== undefined) {
    spec.tolerations = mergeTolerations([...(spec.tolerations ?? []), ...scheduling.tolerations])
  }
}

function sameAmounts(left: Record<string, string> | undefined, right: Record<string, string> | undefined): boolean {
  const names = new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})])
  return [...names].every(name => {
    const [one, other] = [left?.[name], right?.[name]]
    return one !== undefined && other !== undefined && compareQuantities(one, other) === 0
  })
}
