import { ValidatingWebhookConfigurations } from '@canopus/api'
import type { AdmissionAttributes, AdmissionPlugin } from '../../security.ts'
import { isAdmissionConfiguration, type Match } from '../matching/rules.ts'
import { askWebhook, CallingWebhookError, checkTimeLeft, objectsFor } from './ask.ts'
import type { WebhookAdmissionContext } from './context.ts'
import { namespaceLabels, noMatchConditions, shouldCall } from './match.ts'
import { observed } from './observed.ts'
import { type Hook, HookSource } from './source.ts'

const FAILED_OPEN = 'failed-open.validating.webhook.admission.k8s.io/'

/** Asks every validating webhook that wants to know, all at once; the first refusal counts. */
export function validatingWebhooks(context: WebhookAdmissionContext): AdmissionPlugin {
  const source = new HookSource(ValidatingWebhookConfigurations, context.objects)
  return {
    name: 'ValidatingAdmissionWebhook',
    operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
    validate(attributes) {
      const { hooks } = source
      if (hooks.length === 0 || isAdmissionConfiguration(attributes)) return
      return askAll(context, hooks, attributes)
    },
  }
}

async function askAll(
  context: WebhookAdmissionContext,
  hooks: readonly Hook[],
  attributes: AdmissionAttributes,
): Promise<void> {
  const labels = await namespaceLabels(hooks, attributes, context.objects)
  const concerned: { hook: Hook; match: Match }[] = []
  for (const hook of hooks) {
    const match = await shouldCall(hook, attributes, labels, context.matchConditions ?? noMatchConditions)
    if (match !== undefined) concerned.push({ hook, match })
  }
  if (concerned.length > 0) checkTimeLeft(context, attributes)
  // Every one is heard to the end, so that a refusal does not depend on who is faster.
  const answers = await Promise.allSettled(
    concerned.map(({ hook, match }, index) => askOne(context, hook, match, attributes, index)),
  )
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
}

async function askOne(
  context: WebhookAdmissionContext,
  hook: Hook,
  match: Match,
  attributes: AdmissionAttributes,
  index: number,
): Promise<void> {
  try {
    const objects = await objectsFor(attributes, match)
    await observed(context, hook, 'validating', attributes, () =>
      askWebhook(context, hook, false, attributes, match, objects, () => undefined),
    )
  } catch (error) {
    if (!(error instanceof CallingWebhookError)) throw error
    const { webhook, configuration } = hook
    if (webhook.failurePolicy !== 'Ignore') throw error.status
    context.logger.warn('a webhook failed and is passed over', { configuration, error: error.message })
    attributes.annotate(`${FAILED_OPEN}round_0_index_${index}`, webhook.name)
  }
}
