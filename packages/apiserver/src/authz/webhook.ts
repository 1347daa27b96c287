/** Permissions that a webhook grants (k8s.io/apiserver plugin/pkg/authorizer/webhook). */
import type { ResourceAttributes, SubjectAccessReview } from '@canopus/api/authorization/v1'
import { parseFieldSelector, parseLabelSelector } from '@canopus/apimachinery'
import { type Clock, type Logger, LruCache } from '@canopus/base'
import type { ReviewClient } from '../review-webhook/client.ts'
import type { Attributes, Authorizer, Decision } from '../security.ts'

export interface AuthorizationWebhookOptions {
  readonly name: string
  readonly client: ReviewClient
  /** Version of SubjectAccessReview that the webhook speaks. */
  readonly version: 'v1' | 'v1beta1'
  /** How long a yes is remembered, and everything else; milliseconds. */
  readonly authorizedTtl: number
  readonly unauthorizedTtl: number
  /** What counts where no answer comes. */
  readonly onError: 'deny' | 'no-opinion'
  /** Whether the webhook is to be asked at all; it is always where missing. Throws count as no answer. */
  readonly matches?: (review: SubjectAccessReview) => boolean
  /** Hears where no answer came and others are asked instead. */
  readonly failedOpen?: (error: unknown) => void
  readonly clock: Clock
  readonly logger: Logger
}

type Status = NonNullable<SubjectAccessReview['status']>

const CAPACITY = 8192
/** Questions of more characters than this are not remembered: nobody may fill the cache with a few of them. */
const LONGEST_REMEMBERED = 10_000

export function webhookAuthorizer(options: AuthorizationWebhookOptions): Authorizer {
  const { authorizedTtl, unauthorizedTtl, onError, clock, logger, name } = options
  const known = new LruCache<string, { until: number; status: Status }>({ capacity: CAPACITY })

  async function ask(review: SubjectAccessReview, key: string): Promise<Decision> {
    try {
      const status = await send(options, review)
      const time = status.allowed ? authorizedTtl : unauthorizedTtl
      if (time > 0 && remembers(review)) known.set(key, { until: clock.monotonic() + time, status })
      return decisionOf(status)
    } catch (error) {
      logger.error('an authorization webhook could not be asked', { webhook: name, error })
      if (onError === 'no-opinion') options.failedOpen?.(error)
      return { decision: onError, reason: '' }
    }
  }

  return {
    authorize(attributes) {
      const review = reviewOf(attributes)
      try {
        if (options.matches?.(review) === false) return { decision: 'no-opinion', reason: '' }
      } catch (error) {
        logger.error('the match conditions of an authorization webhook failed', { webhook: name, error })
        return { decision: onError, reason: '' }
      }
      const key = JSON.stringify(review.spec)
      const found = known.get(key)
      return found !== undefined && found.until > clock.monotonic() ? decisionOf(found.status) : ask(review, key)
    },
    rulesFor: () => ({
      resourceRules: [],
      nonResourceRules: [],
      incomplete: true,
      evaluationError: 'webhook authorizer does not support user rule resolution',
    }),
  }
}

function decisionOf({ allowed, denied = false, reason = '' }: Status): Decision {
  if (denied) return { decision: 'deny', reason }
  return { decision: allowed ? 'allow' : 'no-opinion', reason }
}

async function send({ client, version }: AuthorizationWebhookOptions, review: SubjectAccessReview): Promise<Status> {
  const { groups, ...spec } = review.spec
  // The old version calls the list of groups `group`.
  const sent =
    version === 'v1' ? review : { ...review, spec: { ...spec, ...(groups === undefined ? {} : { group: groups }) } }
  const answer = await client.send<SubjectAccessReview>({ ...sent, apiVersion: `authorization.k8s.io/${version}` })
  return answer.status ?? { allowed: false }
}

/** The question as a review. Selectors that cannot be read are left out: without them it asks for more. */
export function reviewOf(attributes: Attributes): SubjectAccessReview {
  const { user, isResourceRequest, path, verb } = attributes
  const extra = Object.fromEntries(Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]]))
  return {
    kind: 'SubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: {} as SubjectAccessReview['metadata'],
    spec: {
      ...(isResourceRequest
        ? { resourceAttributes: resourceAttributes(attributes) }
        : { nonResourceAttributes: { path, verb } }),
      user: user.name,
      ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
      ...(user.extra === undefined ? {} : { extra }),
      ...(user.uid ? { uid: user.uid } : {}),
    },
  }
}

function resourceAttributes(attributes: Attributes): ResourceAttributes {
  const { namespace, verb, apiGroup, apiVersion, resource, subresource, name } = attributes
  const fields = fieldRequirements(attributes.fieldSelector)
  const labels = labelRequirements(attributes.labelSelector)
  const given = { namespace, verb, group: apiGroup, version: apiVersion, resource, subresource, name }
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '')),
    ...(fields.length === 0 ? {} : { fieldSelector: { requirements: fields } }),
    ...(labels.length === 0 ? {} : { labelSelector: { requirements: labels } }),
  }
}

interface Requirement {
  key: string
  operator: string
  values?: string[]
}

function fieldRequirements(selector: string | undefined): Requirement[] {
  if (!selector) return []
  try {
    return parseFieldSelector(selector).map(({ field, value, operator }) => ({
      key: field,
      operator: operator === '=' ? 'In' : 'NotIn',
      values: [value],
    }))
  } catch {
    return []
  }
}

/** By the operators of selectors; comparisons have none in a review. */
const LABEL_OPERATORS: Readonly<Record<string, string>> = {
  '=': 'In',
  '==': 'In',
  in: 'In',
  '!=': 'NotIn',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
}

function labelRequirements(selector: string | undefined): Requirement[] {
  if (!selector) return []
  let parsed: ReturnType<typeof parseLabelSelector>
  try {
    parsed = parseLabelSelector(selector)
  } catch {
    return []
  }
  if (parsed === 'nothing') return []
  return parsed.flatMap(({ key, operator, values }) => {
    const known = LABEL_OPERATORS[operator]
    if (known === undefined) return []
    return [{ key, operator: known, ...(values.length === 0 ? {} : { values: [...values] }) }]
  })
}

function remembers({ spec }: SubjectAccessReview): boolean {
  const { resourceAttributes: asked = {}, nonResourceAttributes: path = {} } = spec
  const size = [...Object.values(asked), ...Object.values(path)].reduce<number>(
    (sum, value) => sum + (typeof value === 'string' ? value.length : JSON.stringify(value).length),
    0,
  )
  return size <= LONGEST_REMEMBERED
}
