/** Metadata of objects that are made of templates (pkg/apis/core/validation, ValidateTemplateObjectMeta). */
import { forbidden, type ObjectMeta, validateAnnotations, validateLabels } from '@canopus/apimachinery'
import { type Errors, push } from './check.ts'

/** All that a template may not say, with the names under which upstream refuses it. */
const OTHERS: readonly (readonly [keyof ObjectMeta, string])[] = [
  ['name', 'name'],
  ['generateName', 'generateName'],
  ['namespace', 'namespace'],
  ['selfLink', 'selfLink'],
  ['uid', 'uID'],
  ['resourceVersion', 'resourceVersion'],
  ['generation', 'generation'],
  ['creationTimestamp', 'creationTimestamp'],
  ['deletionTimestamp', 'deletionTimestamp'],
  ['deletionGracePeriodSeconds', 'deletionGracePeriodSeconds'],
  ['ownerReferences', 'ownerReferences'],
  ['finalizers', 'finalizers'],
  ['managedFields', 'managedFields'],
]

/** Only labels and annotations are handed on. */
export function checkTemplateMetadata(errors: Errors, path: string, metadata: Partial<ObjectMeta> | undefined): void {
  if (metadata === undefined) return
  if (metadata.annotations) push(errors, validateAnnotations(metadata.annotations, `${path}.annotations`))
  if (metadata.labels) push(errors, validateLabels(metadata.labels, `${path}.labels`))
  for (const [field, name] of OTHERS) {
    if (isSet(metadata[field])) errors.push(forbidden(`${path}.${name}`, 'cannot be set'))
  }
}

const isSet = (value: unknown): boolean => Boolean(value) && !(Array.isArray(value) && value.length === 0)
