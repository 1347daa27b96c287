import { PriorityClasses } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import type { PriorityClass } from '@canopus/api/scheduling/v1'
import { SYSTEM_PRIORITY_CLASSES } from '../bootstrap/cluster-objects.ts'
import type { AdmissionAttributes, AdmissionPlugin, ObjectReader } from '../security.ts'
import { type AdmissionContext, podOf, refusal } from './shared.ts'

/** Turns the name of a priority class into the number that the scheduler sorts by (plugin/pkg/admission/priority). */
export function priority({ objects }: AdmissionContext): AdmissionPlugin {
  return {
    name: 'Priority',
    operations: ['CREATE', 'UPDATE'],
    resources: ['/pods', 'scheduling.k8s.io/priorityclasses'],
    mutate(attributes) {
      if (attributes.type.plural !== 'pods') return
      if (attributes.operation === 'UPDATE') keepPriority(podOf(attributes), attributes.oldObject as Pod)
      else return setPriority(attributes, objects)
    },
    validate(attributes) {
      if (attributes.type.plural !== 'priorityclasses') return
      const wanted = attributes.object as PriorityClass
      const current = defaultClass(objects)
      if (wanted.globalDefault && current !== undefined && current.metadata.name !== wanted.metadata.name) {
        throw refusal(
          attributes,
          `PriorityClass ${current.metadata.name} is already marked as default. Only one default can exist`,
        )
      }
    },
  }
}

function keepPriority(pod: Pod, old: Pod): void {
  if (pod.spec === undefined || old.spec === undefined) return
  if (pod.spec.priority === undefined && old.spec.priority !== undefined) pod.spec.priority = old.spec.priority
  if (pod.spec.preemptionPolicy === undefined && old.spec.preemptionPolicy !== undefined) {
    pod.spec.preemptionPolicy = old.spec.preemptionPolicy
  }
}

function setPriority(attributes: AdmissionAttributes, objects: ObjectReader): void | Promise<void> {
  const name = podOf(attributes).spec?.priorityClassName
  if (name === undefined || name === '') {
    const found = defaultClass(objects)
    return apply(attributes, found ?? NO_CLASS, found?.metadata.name)
  }
  const found = objects.get(PriorityClasses, name) ?? systemClass(name)
  if (found !== undefined) return apply(attributes, found, name)
  return objects.getFresh(PriorityClasses, name).then(fresh => {
    if (fresh === undefined) throw refusal(attributes, `no PriorityClass with name ${name} was found`)
    apply(attributes, fresh, name)
  })
}

type Facts = Pick<PriorityClass, 'value' | 'preemptionPolicy'>

const NO_CLASS: Facts = { value: 0, preemptionPolicy: 'PreemptLowerPriority' }

/** The two classes of every cluster count before bootstrap has written them. */
function systemClass(name: string): Facts | undefined {
  const found = SYSTEM_PRIORITY_CLASSES.find(({ metadata }) => metadata.name === name)
  return found && { value: found.value, preemptionPolicy: 'PreemptLowerPriority' }
}

/** Of several defaults (left from a race) the one with the lowest value. */
function defaultClass(objects: ObjectReader): PriorityClass | undefined {
  let found: PriorityClass | undefined
  for (const each of objects.list(PriorityClasses)) {
    if (each.globalDefault && (found === undefined || each.value < found.value)) found = each
  }
  return found
}

function apply(attributes: AdmissionAttributes, facts: Facts, name: string | undefined): void {
  const spec = podOf(attributes).spec!
  const { value, preemptionPolicy } = facts
  if (spec.priority !== undefined && spec.priority !== value) {
    throw refusal(
      attributes,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    )
  }
  if (preemptionPolicy && spec.preemptionPolicy && spec.preemptionPolicy !== preemptionPolicy) {
    throw refusal(
      attributes,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    )
  }
  if (name !== undefined) spec.priorityClassName = name
  spec.priority = value
  if (preemptionPolicy) spec.preemptionPolicy = preemptionPolicy
}
