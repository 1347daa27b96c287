/** Metadata of objects that are made of templates (pkg/apis/core/validation, ValidateTemplateObjectMeta). */
import { forbidden, givenField, type ObjectMeta, validateAnnotations, validateLabels } from '@canopus/apimachinery'
import { type Errors, push } from './check.ts'

/** All that a template may not say, in the order of upstream's structure, with the names under which it is refused. */
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

/** Templates may have labels and annotations; empty lists of anything else count too. */
export function checkTemplateOnlyMetadata(errors: Errors, path: string, metadata: Partial<ObjectMeta> = {}): void {
  push(errors, validateAnnotations(metadata.annotations, `${path}.annotations`))
  push(errors, validateLabels(metadata.labels, `${path}.labels`))
  for (const [field, name] of OTHERS) {
    if (givenField(metadata, field) !== undefined) errors.push(forbidden(`${path}.${name}`, 'cannot be set'))
  }
}
