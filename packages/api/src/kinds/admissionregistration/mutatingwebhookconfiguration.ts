import type { MutatingWebhookConfiguration } from '../../generated/admissionregistration.v1.ts'
import { MutatingWebhookConfigurations } from '../../resources.ts'
import { ageColumn, nameColumn } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultMutatingWebhooks } from './defaults.ts'
import { webhooksColumn } from './policy-columns.ts'
import { validateWebhooks, validateWebhooksUpdate } from './validation.ts'

export const MutatingWebhookConfigurationKind = defineKind<MutatingWebhookConfiguration>({
  type: MutatingWebhookConfigurations,
  message: 'admissionregistration.v1.MutatingWebhookConfiguration',
  storagePrefix: 'mutatingwebhookconfigurations',
  strategy: strategyOf(
    { generation: true },
    {
      validate: validateWebhooks,
      validateUpdate: validateWebhooksUpdate,
      default: defaultMutatingWebhooks,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: [nameColumn, webhooksColumn, ageColumn],
})
