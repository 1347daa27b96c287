import type { ValidatingWebhookConfiguration } from '../../generated/admissionregistration.v1.ts'
import { ValidatingWebhookConfigurations } from '../../resources.ts'
import { ageColumn, nameColumn } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultValidatingWebhooks } from './defaults.ts'
import { webhooksColumn } from './policy-columns.ts'
import { validateWebhooks, validateWebhooksUpdate } from './validation.ts'

export const ValidatingWebhookConfigurationKind = defineKind<ValidatingWebhookConfiguration>({
  type: ValidatingWebhookConfigurations,
  message: 'admissionregistration.v1.ValidatingWebhookConfiguration',
  storagePrefix: 'validatingwebhookconfigurations',
  strategy: strategyOf(
    { generation: true },
    {
      validate: validateWebhooks,
      validateUpdate: validateWebhooksUpdate,
      default: defaultValidatingWebhooks,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: [nameColumn, webhooksColumn, ageColumn],
})
