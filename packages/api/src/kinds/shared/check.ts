/** Small checks that add their findings to a list. Paths are only put together where something is wrong. */
import {
  type FieldError,
  type FieldErrorType,
  IMMUTABLE_MESSAGE,
  invalid,
  type NameCheck,
  notSupported,
  required,
  semanticEqual,
} from '@canopus/apimachinery'
import { goField, goJson } from '../../go-json.ts'
import { sameAs, sameIn } from './equality.ts'

export type Errors = FieldError[]

export const NEGATIVE_MESSAGE = 'must be greater than or equal to 0'
export const NOT_POSITIVE_MESSAGE = 'must be greater than zero'
export const FILE_MODE_MESSAGE = 'must be a number between 0 and 0777 (octal), both inclusive'

export function push(errors: Errors, more: readonly FieldError[]): void {
  for (const error of more) errors.push(error)
}

/** Every finding of `rule` about `value` is an invalid value of `field`. */
export function checkText(errors: Errors, field: string, value: string | undefined, rule: NameCheck): void {
  const text = value ?? ''
  for (const message of rule(text)) errors.push(invalid(field, text, message))
}

export function checkNumber(errors: Errors, field: string, value: number, rule: (value: number) => string[]): void {
  for (const message of rule(value)) errors.push(invalid(field, value, message))
}

export function checkNonNegative(errors: Errors, field: string, value: number | undefined): void {
  if (value !== undefined && value < 0) errors.push(invalid(field, value, NEGATIVE_MESSAGE))
}

/** Required, and one of these; they are listed in the order given. */
export function checkChoice(
  errors: Errors,
  field: string,
  value: string | undefined,
  supported: readonly string[],
): void {
  if (!value) errors.push(required(field))
  else if (!supported.includes(value)) errors.push(notSupported(field, value, supported))
}

/** One of these where it is given at all. */
export function checkOptionalChoice(
  errors: Errors,
  field: string,
  value: string | undefined,
  supported: readonly string[],
): void {
  if (value !== undefined && !supported.includes(value)) errors.push(notSupported(field, value, supported))
}

/** The value is shown as it is, or as upstream's internal type of `message` (`rbac.v1.RoleRef`), to which it is a pointer. */
export function checkImmutable(errors: Errors, field: string, value: unknown, old: unknown, message?: string): void {
  const isThere = (each: unknown): boolean => each !== undefined && each !== null
  if (
    message === undefined ? semanticEqual(value, old) : sameAs(message, value, old) && isThere(value) === isThere(old)
  )
    return
  errors.push(invalid(field, message === undefined ? value : goJson(message, value), IMMUTABLE_MESSAGE))
}

/** The same of fields of a message, which says what they are where nothing is given for them. */
export function checkFixed<T extends object>(
  errors: Errors,
  path: string,
  message: string,
  [value, old]: readonly [T, T],
  ...fields: readonly (keyof T & string)[]
): void {
  for (const field of fields) {
    if (sameIn(message, field, value, old)) continue
    errors.push(invalid(path === '' ? field : `${path}.${field}`, goField(message, value, field), IMMUTABLE_MESSAGE))
  }
}

export function checkFileMode(errors: Errors, field: string, mode: number | undefined): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) errors.push(invalid(field, mode, FILE_MODE_MESSAGE))
}

/** A finding whose words upstream adds to by hand. */
export const fieldError = (type: FieldErrorType, field: string, body: string): FieldError => ({ type, field, body })

/** A relative path without `..` steps. */
export function checkDescendingPath(errors: Errors, field: string, path: string | undefined): void {
  if (!path) return
  if (path.startsWith('/')) errors.push(invalid(field, path, 'must be a relative path'))
  checkNoBacksteps(errors, field, path)
}

export function checkNoBacksteps(errors: Errors, field: string, path: string | undefined): void {
  if (path?.includes('..') && path.split('/').includes('..')) errors.push(invalid(field, path, "must not contain '..'"))
}

/** The same, and not one of the names that the kubelet uses for itself (`..data`). */
export function checkLocalPath(errors: Errors, field: string, path: string | undefined): void {
  if (!path) return
  checkDescendingPath(errors, field, path)
  if (path.startsWith('..') && !path.startsWith('../')) errors.push(invalid(field, path, "must not start with '..'"))
}
