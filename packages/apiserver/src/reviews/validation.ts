/** Validation of access reviews (pkg/apis/authorization/validation/validation.go). */
import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
} from '@canopus/api/authorization/v1'
import {
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
  const { namespace: _, ...rest } = metadata ?? {}
  errors.push(...validateMeta(rest, 'must be empty except for namespace'))
  const asked = spec.resourceAttributes
  if (asked !== undefined && asked.namespace !== local) {
    errors.push(invalid('spec.resourceAttributes.namespace', asked.namespace ?? '', 'must match metadata.namespace'))
  }
  if (spec.nonResourceAttributes !== undefined) {
    errors.push(invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request'))
  }
  return errors
}

export function validateSelfAccessReview({ metadata, spec }: SubjectAccessReview): FieldError[] {
  return [...validateSpec(spec, false), ...validateMeta(metadata, 'must be empty')]
}

function validateMeta(metadata: Partial<ObjectMeta> | undefined, text: string): FieldError[] {
  const { managedFields: _, ...rest } = metadata ?? {}
  const filled = Object.values(rest).some(value => value !== null && value !== undefined && value !== '')
  return filled ? [invalid('metadata', metadata, text)] : []
}

/** `ofSomebody`: the question is about the user that it names. */
function validateSpec(spec: SubjectAccessReviewSpec, ofSomebody: boolean): FieldError[] {
  const { resourceAttributes, nonResourceAttributes, user = '', groups = [] } = spec
  const errors: FieldError[] = []
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const text = 'cannot be specified in combination with resourceAttributes'
    errors.push(invalid('spec.nonResourceAttributes', nonResourceAttributes, text))
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
    ...validateSelector(fieldSelector, 'spec.resourceAttributes.fieldSelector', () => []),
    ...validateSelector(labelSelector, 'spec.resourceAttributes.labelSelector', (key, path) =>
      checkQualifiedName(key).map(text => invalid(path, key, text)),
    ),
  ]
}

/** Operators that nobody knows yet are let through: newer clients may, and what is not understood narrows nothing. */
function validateSelector(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  path: string,
  checkKey: (key: string, path: string) => FieldError[],
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
  for (const [index, { key, operator, values = [] }] of requirements.entries()) {
    const own = `${path}.requirements[${index}]`
    if (!key) errors.push(required(`${own}.key`, 'must be specified'))
    else errors.push(...checkKey(key, `${own}.key`))
    if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
      errors.push(required(`${own}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
    }
    if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
      errors.push(forbidden(`${own}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
    }
  }
  return errors
}
