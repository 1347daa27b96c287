import type { AdmissionAttributes } from '../../security.ts'
import type { AdmissionMetrics, WebhookType } from '../admission-metrics.ts'
import { CallingWebhookError, WebhookDenial } from './ask.ts'
import type { WebhookAdmissionContext } from './context.ts'
import type { Hook } from './source.ts'

/**
 * Asks a webhook and counts what came of it. Errors are passed on; those that the failure policy forgives count as let
 * through.
 */
export async function observed<T>(
  { clock, admissionMetrics: metrics }: Pick<WebhookAdmissionContext, 'clock' | 'admissionMetrics'>,
  { webhook: { name, failurePolicy } }: Hook,
  type: WebhookType,
  attributes: AdmissionAttributes,
  ask: () => Promise<T>,
): Promise<T> {
  const { operation } = attributes
  const facts = { name, type, operation }
  const begun = clock.monotonic()
  const seconds = (): number => (clock.monotonic() - begun) / 1000
  try {
    const result = await ask()
    metrics?.called(facts, seconds(), 200, false)
    return result
  } catch (error) {
    if (metrics !== undefined) countFailure(metrics, facts, error, failurePolicy === 'Ignore', seconds())
    throw error
  } finally {
    attributes.took?.(type === 'admit' ? 'mutating-webhook' : 'validating-webhook', clock.monotonic() - begun)
  }
}

function countFailure(
  metrics: AdmissionMetrics,
  facts: Parameters<AdmissionMetrics['called']>[0],
  error: unknown,
  forgiving: boolean,
  seconds: number,
): void {
  if (error instanceof CallingWebhookError) {
    if (forgiving) metrics.failedOpen(facts)
    else metrics.rejected(facts, 'calling_webhook_error', error.code)
    metrics.called(facts, seconds, error.code, !forgiving)
    return
  }
  const code = error instanceof WebhookDenial ? error.code : 0
  metrics.rejected(facts, error instanceof WebhookDenial ? 'no_error' : 'apiserver_internal_error', code)
  metrics.called(facts, seconds, code, true)
}
