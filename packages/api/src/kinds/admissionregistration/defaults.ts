/** Defaults of webhooks and admission policies (pkg/apis/admissionregistration/v1/defaults.go). */
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../generated/admissionregistration.v1.ts'

export function defaultMutatingWebhooks({ webhooks }: MutatingWebhookConfiguration): void {
  for (const webhook of webhooks ?? []) {
    defaultWebhook(webhook)
    webhook.reinvocationPolicy ??= 'Never'
  }
}

export function defaultValidatingWebhooks({ webhooks }: ValidatingWebhookConfiguration): void {
  for (const webhook of webhooks ?? []) defaultWebhook(webhook)
}

function defaultWebhook(webhook: MutatingWebhook | ValidatingWebhook): void {
  webhook.failurePolicy ??= 'Fail'
  webhook.matchPolicy ??= 'Equivalent'
  webhook.namespaceSelector ??= {}
  webhook.objectSelector ??= {}
  webhook.timeoutSeconds ??= 10
  for (const rule of webhook.rules ?? []) rule.scope ??= '*'
  const service = webhook.clientConfig?.service
  if (service) service.port ??= 443
}

export function defaultPolicy(policy: MutatingAdmissionPolicy | ValidatingAdmissionPolicy): void {
  policy.spec ??= {}
  policy.spec.failurePolicy ??= 'Fail'
  defaultMatchResources(policy.spec.matchConstraints)
}

export function defaultMatchResources(match: MatchResources | undefined): void {
  if (match === undefined) return
  match.matchPolicy ??= 'Equivalent'
  match.namespaceSelector ??= {}
  match.objectSelector ??= {}
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*'
}
