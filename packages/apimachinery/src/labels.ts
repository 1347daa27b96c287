import { type FieldError, forbidden, invalid, required, tooLong } from './field-error.ts'
import type { LabelSelector, LabelSelectorRequirement } from './generated/meta.ts'
import { byteLength, checkLabelValue, checkQualifiedName, isKnownName, isLabelValue } from './names.ts'

export const MAX_ANNOTATIONS_BYTES = 256 * 1024

/** Findings of `check` on `value` as errors of `field`. */
export function checked(field: string, value: string, check: (value: string) => string[]): FieldError[] {
  return check(value).map(message => invalid(field, value, message))
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  const errors: FieldError[] = []
  for (const key in labels) {
    const value = labels[key]!
    // All objects have labels, in which hardly ever anything is wrong.
    if (isKnownName(key) && isLabelValue(value)) continue
    errors.push(...checked(field, key, checkQualifiedName), ...checked(field, value, checkLabelValue))
  }
  return errors
}

/** Keys as labels' keys but in either case; values are free; all together at most 256 KiB. */
export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = []
  let length = 0
  for (const key in annotations) {
    length += key.length + annotations[key]!.length
    if (isKnownName(key)) continue
    for (const message of checkQualifiedName(key.toLowerCase())) errors.push(invalid(field, key, message))
  }
  // No character takes more than three bytes for each of its units; mostly they need not be counted.
  const isLong = 3 * length > MAX_ANNOTATIONS_BYTES && bytesOf(annotations!) > MAX_ANNOTATIONS_BYTES
  if (isLong) errors.push(tooLong(field, MAX_ANNOTATIONS_BYTES))
  return errors
}

const bytesOf = (texts: Readonly<Record<string, string>>): number =>
  Object.entries(texts).reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)

export interface LabelSelectorRules {
  /** Values that no label can have pass (objects stored before the rule). */
  allowInvalidValues?: boolean
}

/** A label selector in an object (k8s.io/apimachinery/pkg/apis/meta/v1/validation). */
export function validateLabelSelector(
  selector: LabelSelector | undefined,
  field: string,
  rules: LabelSelectorRules = {},
): FieldError[] {
  if (selector === undefined) return []
  return [
    ...validateLabels(selector.matchLabels, `${field}.matchLabels`),
    ...(selector.matchExpressions ?? []).flatMap((requirement, index) =>
      validateRequirement(requirement, `${field}.matchExpressions[${index}]`, rules),
    ),
  ]
}

function validateRequirement(
  requirement: LabelSelectorRequirement,
  field: string,
  rules: LabelSelectorRules,
): FieldError[] {
  const values = requirement.values ?? []
  const errors: FieldError[] = []
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
      }
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      }
      break
    default:
      errors.push(invalid(`${field}.operator`, requirement.operator ?? '', 'not a valid selector operator'))
  }
  errors.push(...checked(`${field}.key`, requirement.key ?? '', checkQualifiedName))
  if (rules.allowInvalidValues !== true) {
    errors.push(...values.flatMap((value, index) => checked(`${field}.values[${index}]`, value, checkLabelValue)))
  }
  return errors
}
