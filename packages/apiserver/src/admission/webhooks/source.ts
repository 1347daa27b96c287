/** The webhooks of all configurations, in the order in which they are called (pkg/admission/configuration). */
import type {
  MatchCondition,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '@canopus/api/admissionregistration/v1'
import type { ResourceType } from '@canopus/apimachinery'
import type { ObjectReader } from '../../security.ts'
import { type MatchCriteria, webhookCriteria } from '../matching/criteria.ts'

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration

/** One webhook, ready to be asked. */
export interface Hook {
  readonly configuration: string
  /** Tells it from webhooks of the same name in the same configuration. */
  readonly id: string
  readonly webhook: MutatingWebhook | ValidatingWebhook
  readonly criteria: MatchCriteria
  readonly conditions: readonly MatchCondition[]
}

/** Follows the configurations of one type. `hooks` is empty at no cost where there are none. */
export class HookSource {
  readonly #configurations = new Map<string, readonly Hook[]>()
  #hooks: readonly Hook[] = []

  constructor(type: ResourceType<Configuration>, objects: ObjectReader) {
    objects.onChange(type, ({ type: change, object }) => {
      const { name } = object.metadata
      if (change === 'deleted') this.#configurations.delete(name)
      else this.#configurations.set(name, hooksOf(object))
      this.#hooks = inOrder(this.#configurations)
    })
  }

  /** By name of configuration, then by position. */
  get hooks(): readonly Hook[] {
    return this.#hooks
  }
}

function inOrder(configurations: ReadonlyMap<string, readonly Hook[]>): readonly Hook[] {
  const names = [...configurations.keys()].sort()
  return names.flatMap(name => configurations.get(name)!)
}

function hooksOf({ metadata, webhooks = [] }: Configuration): readonly Hook[] {
  const seen = new Map<string, number>()
  return webhooks.map(webhook => {
    const nth = seen.get(webhook.name) ?? 0
    seen.set(webhook.name, nth + 1)
    return {
      configuration: metadata.name,
      id: `${metadata.name}/${webhook.name}/${nth}`,
      webhook,
      criteria: webhookCriteria(webhook),
      conditions: webhook.matchConditions ?? [],
    }
  })
}
