import type { ParamKind, ParamRef } from '../../generated/admissionregistration.v1.ts'

export const paramKindText = (kind: ParamKind | undefined): string =>
  kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`

export function paramRefText(reference: ParamRef | undefined): string {
  if (reference === undefined) return '<unset>'
  if (!reference.name) return '*'
  return reference.namespace ? `${reference.namespace}/${reference.name}` : `*/${reference.name}`
}
