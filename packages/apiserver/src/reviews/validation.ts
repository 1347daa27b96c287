/** Validation of access reviews (pkg/apis/authorization/validation/validation.go). */

import { goJson } from '@canopus/api'
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '@canopus/api/authorization/v1'
import {
  checkLabelValue,
  checkQualifiedName,
  type FieldError,
  forbidden,
  invalid,
  type ObjectMeta,
  required,
} from '@canopus/apimachinery'

/** `local` is the namespace in the address of a LocalSubjectAccessReview. */
export function validateAccessReview({ metadata, spec }: SubjectAccessReview, local?: string): FieldError[] {
  const errors = validateSpec(spec, true)
  if (local === undefined) return [...errors, ...validateMeta(metadata, 'must be empty')]
  errors.push(...validateMeta(metadata, 'must be empty except for namespace', 'namespace'))
  const asked = spec.resourceAttributes
  if (asked !== undefined && asked.namespace !== local) {
    errors.push(invalid('spec.resourceAttributes.namespace', asked.namespace ?? '', 'must match metadata.namespace'))
  }
  if (spec.nonResourceAttributes !== undefined) {
    errors.push(invalid('spec.nonResourceAttributes', shownPath(spec), 'disallowed on this kind of request'))
  }
  return errors
}

const shownPath = ({ nonResourceAttributes }: SubjectAccessReviewSpec): unknown =>
  goJson('authorization.v1.NonResourceAttributes', nonResourceAttributes)

export function validateSelfAccessReview({ metadata, spec }: SubjectAccessReview): FieldError[] {
  return [...validateSpec(spec, false), ...validateMeta(metadata, 'must be empty')]
}

function validateMeta(metadata: Partial<ObjectMeta> = {}, text: string, except?: keyof ObjectMeta): FieldError[] {
  const filled = Object.entries(metadata).some(
    ([name, value]) =>
      name !== 'managedFields' && name !== except && value !== null && value !== undefined && value !== '',
  )
  return filled ? [invalid('metadata', goJson('am.apis.meta.v1.ObjectMeta', metadata), text)] : []
}

/** `ofSomebody`: the question is about the user that it names. */
function validateSpec(spec: SubjectAccessReviewSpec, ofSomebody: boolean): FieldError[] {
  const { resourceAttributes, nonResourceAttributes, user = '', groups = [] } = spec
  const errors: FieldError[] = []
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const text = 'cannot be specified in combination with resourceAttributes'
    errors.push(invalid('spec.nonResourceAttributes', shownPath(spec), text))
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    const text = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
    errors.push(invalid('spec.resourceAttributes', nonResourceAttributes, text))
  }
  if (ofSomebody && user === '' && groups.length === 0) {
    errors.push(invalid('spec.user', user, 'at least one of user or group must be specified'))
  }
  return resourceAttributes === undefined ? errors : [...errors, ...validateSelectors(resourceAttributes)]
}

function validateSelectors({ fieldSelector, labelSelector }: ResourceAttributes): FieldError[] {
  return [
    ...validateSelector(fieldSelector, 'spec.resourceAttributes.fieldSelector', validateField),
    ...validateSelector(labelSelector, 'spec.resourceAttributes.labelSelector', validateLabel),
  ]
}

/** Operators that nobody knows yet are let through: newer clients may, and what is not understood narrows nothing. */
function validateSelector(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  path: string,
  validate: (requirement: Requirement, path: string) => FieldError[],
): FieldError[] {
  if (selector === undefined) return []
  const { rawSelector = '', requirements = [] } = selector
  const errors: FieldError[] = []
  if (rawSelector !== '' && requirements.length > 0) {
    errors.push(invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'))
  }
  if (rawSelector === '' && requirements.length === 0) {
    const text = `when ${path} is specified, requirements or rawSelector is required`
    errors.push(required(`${path}.requirements`, text))
  }
  for (const [index, each] of requirements.entries()) errors.push(...validate(each, `${path}.requirements[${index}]`))
  return errors
}

type Requirement = NonNullable<LabelSelectorAttributes['requirements']>[number]

const validateField = (requirement: Requirement, path: string): FieldError[] => [
  ...(requirement.key ? [] : [required(`${path}.key`, 'must be specified')]),
  ...validateOperator(requirement, path),
]

const validateLabel = (requirement: Requirement, path: string): FieldError[] => [
  ...validateOperator(requirement, path),
  ...checkQualifiedName(requirement.key ?? '').map(text => invalid(`${path}.key`, requirement.key ?? '', text)),
  ...(requirement.values ?? []).flatMap((value, index) =>
    checkLabelValue(value).map(text => invalid(`${path}.values[${index}]`, value, text)),
  ),
]

function validateOperator({ operator, values = [] }: Requirement, path: string): FieldError[] {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    return [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    return [forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
  }
  return []
}
