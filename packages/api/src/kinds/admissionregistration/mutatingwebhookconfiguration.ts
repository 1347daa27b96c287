import type { MutatingWebhookConfiguration } from '../../generated/admissionregistration.v1.ts'
import { MutatingWebhookConfigurations } from '../../resources.ts'
import { ageColumn, integer, nameColumn } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultMutatingWebhooks } from './defaults.ts'
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
  columns: [
    nameColumn,
    integer(
      'Webhooks',
      'Webhooks indicates the number of webhooks registered in this configuration',
      each => each.webhooks?.length ?? 0,
    ),
    ageColumn,
  ],
})
