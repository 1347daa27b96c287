/** The authorizer that flags or a configuration file describe. */
import { parseDuration } from '@canopus/apimachinery'
import { NODE_RULES } from '../bootstrap/default-roles.ts'
import type { ConfigurationFile } from '../configuration/file.ts'
import { AuthorizationMetrics } from '../metrics/authorization-metrics.ts'
import { reloadMetrics, textHash } from '../metrics/reload-metrics.ts'
import { ReviewClient, type ReviewEndpoint } from '../review-webhook/client.ts'
import type { Authorizer, SecurityContext } from '../security.ts'
import { abacAuthorizer } from './abac.ts'
import {
  type AuthorizationConfiguration,
  readAuthorizationConfiguration,
  type WebhookConfiguration,
} from './configuration.ts'
import { matchConditions } from './match-conditions.ts'
import { type AuthorizationMode, alwaysAllow, alwaysDeny, privilegedGroup, unionAuthorizer } from './modes.ts'
import { NodeAuthorizer } from './node.ts'
import { NodeGraph } from './node-graph.ts'
import { type AuthorizationWebhookOptions, webhookAuthorizer } from './webhook.ts'

export interface AuthorizationWebhookFacts {
  readonly endpoint: ReviewEndpoint
  readonly version: 'v1' | 'v1beta1'
  /** Milliseconds. */
  readonly authorizedTtl: number
  readonly unauthorizedTtl: number
}

interface Options {
  readonly authorizationModes?: readonly AuthorizationMode[]
  readonly authorizationWebhook?: AuthorizationWebhookFacts
  readonly abacPolicy?: string
  readonly authorizationConfiguration?: ConfigurationFile
  readonly webhookEndpoint?: (kubeConfigFile: string) => ReviewEndpoint
}

/**
 * Asks `system:masters` first, then what is configured, in its order. A configuration file that changes is read again; where it
 * is wrong, the one before stays. Throws where the first is wrong.
 */
export function createAuthorizer(options: Options, rbac: Authorizer, context: SecurityContext): Authorizer {
  const { authorizationConfiguration: file, authorizationModes = ['Node', 'RBAC'] } = options
  const parts = new Parts(options, rbac, context)
  if (file === undefined) {
    return parts.ofModes(authorizationModes)
  }
  let current = parts.ofConfiguration(readAuthorizationConfiguration(file.text))
  const { logger, clock, metrics, serverId } = context
  const reloads = reloadMetrics({ registry: metrics, of: 'authorization', stability: 'BETA', serverId, clock })
  reloads.applied(textHash(file.text))
  file.follow?.(text => {
    try {
      current = parts.ofConfiguration(readAuthorizationConfiguration(text))
      reloads.reloaded(textHash(text))
      logger.info('the authorization configuration was read again')
    } catch (error) {
      reloads.reloaded(undefined)
      logger.error('the changed authorization configuration is wrong: the one before stays', { error })
    }
  })
  return {
    authorize: attributes => current.authorize(attributes),
    rulesFor: (user, namespace) => current.rulesFor!(user, namespace),
  }
}

class Parts {
  readonly #options: Options
  readonly #rbac: Authorizer
  readonly #context: SecurityContext
  readonly #metrics: AuthorizationMetrics
  #node: Authorizer | undefined

  constructor(options: Options, rbac: Authorizer, context: SecurityContext) {
    this.#options = options
    this.#rbac = rbac
    this.#context = context
    this.#metrics = new AuthorizationMetrics(context.metrics)
  }

  /** Modes of the flag are named after themselves. */
  ofModes(modes: readonly AuthorizationMode[]): Authorizer {
    const list = modes.map(mode => this.#metrics.counting(mode, mode.toLowerCase(), this.#ofMode(mode)))
    return unionAuthorizer([privilegedGroup, ...list])
  }

  ofConfiguration({ authorizers }: AuthorizationConfiguration): Authorizer {
    const list = authorizers.map(({ type, name, webhook }) => {
      const authorizer = type === 'Webhook' ? this.#webhook(name, webhook!) : this.#ofMode(type)
      return this.#metrics.counting(type, name, authorizer)
    })
    return unionAuthorizer([privilegedGroup, ...list])
  }

  #ofMode(mode: AuthorizationMode): Authorizer {
    const { authorizationWebhook, abacPolicy } = this.#options
    switch (mode) {
      case 'Node':
        this.#node ??= new NodeAuthorizer(new NodeGraph(this.#context.objects), NODE_RULES)
        return this.#node
      case 'RBAC':
        return this.#rbac
      case 'AlwaysAllow':
        return alwaysAllow
      case 'AlwaysDeny':
        return alwaysDeny
      case 'ABAC':
        if (abacPolicy === undefined) throw new Error('the authorization mode ABAC needs a policy file')
        return abacAuthorizer(abacPolicy)
      case 'Webhook':
        if (authorizationWebhook === undefined) {
          throw new Error('the authorization mode Webhook needs the kubeconfig of the webhook')
        }
        return this.#ask({ name: 'webhook', onError: 'no-opinion', timeout: 30_000, ...authorizationWebhook })
    }
  }

  #webhook(name: string, webhook: WebhookConfiguration): Authorizer {
    const { connectionInfo, cacheAuthorizedRequests = true, cacheUnauthorizedRequests = true } = webhook
    const { webhookEndpoint } = this.#options
    if (connectionInfo.type !== 'KubeConfigFile' || webhookEndpoint === undefined) {
      throw new Error(
        `authorizer ${name}: webhooks are reached by a kubeconfig file here, not by ${connectionInfo.type}`,
      )
    }
    return this.#ask({
      name,
      endpoint: webhookEndpoint(connectionInfo.kubeConfigFile!),
      version: webhook.subjectAccessReviewVersion,
      authorizedTtl: cacheAuthorizedRequests ? parseDuration(webhook.authorizedTTL)! : 0,
      unauthorizedTtl: cacheUnauthorizedRequests ? parseDuration(webhook.unauthorizedTTL)! : 0,
      onError: webhook.failurePolicy === 'Deny' ? 'deny' : 'no-opinion',
      timeout: parseDuration(webhook.timeout)!,
      conditions: (webhook.matchConditions ?? []).map(({ expression }) => expression),
    })
  }

  #ask(
    facts: AuthorizationWebhookFacts &
      Pick<AuthorizationWebhookOptions, 'name' | 'onError'> & { timeout: number; conditions?: readonly string[] },
  ): Authorizer {
    const { clock, random, logger } = this.#context
    const { endpoint, timeout, conditions = [], ...rest } = facts
    const metrics = this.#metrics.ofWebhook(facts.name)
    const client = new ReviewClient({ endpoint, clock, random, timeout, attempted: metrics.asked })
    const matches = conditions.length === 0 ? {} : { matches: matchConditions(conditions, clock, metrics) }
    return webhookAuthorizer({ ...rest, ...matches, client, failedOpen: metrics.failedOpen, clock, logger })
  }
}
