import { selectorText } from '@canopus/apimachinery'
import type { ParamKind, ParamRef } from '../../generated/admissionregistration.v1.ts'

export const paramKindText = (kind: ParamKind | undefined): string =>
  kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`

export function paramRefText(reference: ParamRef | undefined): string {
  if (reference?.name) return `${reference.namespace || '*'}/${reference.name}`
  return reference?.selector === undefined ? '<unset>' : selectorText(reference.selector)
}
