import { selectorText } from '@canopus/apimachinery'
import type {
  MutatingWebhookConfiguration,
  ParamKind,
  ParamRef,
  ValidatingWebhookConfiguration,
} from '../../generated/admissionregistration.v1.ts'
import { integer } from '../shared/columns.ts'

export const paramKindText = (kind: ParamKind | undefined): string =>
  kind === undefined ? '<unset>' : `${kind.apiVersion ?? ''}/${kind.kind ?? ''}`

export function paramRefText(reference: ParamRef | undefined): string {
  if (reference?.name) return `${reference.namespace || '*'}/${reference.name}`
  return reference?.selector === undefined ? '<unset>' : selectorText(reference.selector)
}

/** Of configurations of webhooks of either kind. */
export const webhooksColumn = integer<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>(
  'Webhooks',
  'Webhooks indicates the number of webhooks registered in this configuration',
  each => each.webhooks?.length ?? 0,
)
