/** Asks one webhook about one request (k8s.io/apiserver/pkg/admission/plugin/webhook, both dispatchers' callHook). */
import { badRequestError, internalError, type KubeObject, type Status, StatusError } from '@canopus/apimachinery'
import { type Clock, type Random, uuid } from '@canopus/base'
import type { AdmissionAttributes, Maybe } from '../../security.ts'
import { addEvent, type SpanAttributes, traced } from '../../tracing/span.ts'
import { WebhookCallError, type WebhookCaller, WebhookCredentialsError } from '../../webhook/client.ts'
import type { WebhookCredentialsFor } from '../../webhook/credentials.ts'
import type { Match } from '../matching/rules.ts'
import { createReview, ReviewError, type ReviewedObjects, readVerdict, reviewVersion, type Verdict } from './review.ts'
import type { Hook } from './source.ts'

/** The webhook could not be asked, or its answer not be used: the failure policy decides. */
export class CallingWebhookError extends Error {
  /** The HTTP code that it is counted under. */
  readonly code: number
  constructor(webhook: string, reason: string, code = 503) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${reason}`)
    this.code = code
  }

  get status(): StatusError {
    return internalError(this.message)
  }
}

export interface AskContext {
  readonly webhooks: WebhookCaller
  readonly random: Random
  readonly clock: Clock
  /** As whom webhooks are called; as nobody where missing. */
  readonly credentials?: WebhookCredentialsFor
}

const DEFAULT_TIMEOUT = 10

/**
 * What `use` makes of the verdict of a webhook that lets the request through. Warnings and audit annotations are passed on. Throws
 * StatusError where the webhook refuses or may not be asked (dry run), CallingWebhookError where there is no usable answer.
 */
export async function askWebhook<T>(
  context: AskContext,
  { webhook, configuration }: Hook,
  mutating: boolean,
  attributes: AdmissionAttributes,
  match: Match,
  objects: ReviewedObjects,
  use: (verdict: Verdict) => Maybe<T>,
): Promise<T> {
  const { name, sideEffects, clientConfig, timeoutSeconds = DEFAULT_TIMEOUT } = webhook
  if (attributes.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
    throw badRequestError(`admission webhook ${JSON.stringify(name)} does not support dry run`)
  }
  const version = reviewVersion(webhook.admissionReviewVersions)
  if (version === undefined) {
    const why = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)'
    throw new CallingWebhookError(name, `could not create admission objects: ${why}`, 400)
  }
  const uid = uuid(context.random)
  const review = createReview(version, uid, attributes, match, objects)
  const facts = () => ({ configuration, webhook: name, ...spanFacts(attributes), UID: uid })
  return traced(`Call ${mutating ? 'mutating' : 'validating'} webhook`, 'internal', facts, async () => {
    const verdict = await usable(name, async () => {
      const seconds = secondsLeft(context, attributes, timeoutSeconds)
      const answer = await context.webhooks.call(clientConfig, review, seconds, context.credentials)
      addEvent('Request completed')
      return readVerdict(version, uid, mutating, answer)
    })
    for (const [key, value] of Object.entries(verdict.auditAnnotations)) attributes.annotate(`${name}/${key}`, value)
    for (const text of verdict.warnings) attributes.warn(text)
    if (!verdict.allowed) throw denial(name, verdict.result)
    return await use(verdict)
  })
}

/** What the webhook may take, and what is left of the request's own time where that is less. */
function secondsLeft({ clock }: AskContext, { deadline }: AdmissionAttributes, seconds: number): number {
  return deadline === undefined ? seconds : Math.min(seconds, Math.max(0, deadline - clock.monotonic()) / 1000)
}

/** Nobody waits for the answer any more: whatever the failure policy says there is no point in going on. Throws StatusError 504. */
export function checkTimeLeft({ clock }: AskContext, { deadline }: AdmissionAttributes): void {
  if (deadline === undefined || clock.monotonic() < deadline) return
  throw new StatusError({
    code: 504,
    reason: 'Timeout',
    message: 'Timeout: request did not complete within requested timeout',
    details: {},
  })
}

function spanFacts({
  resource: { group, version, resource },
  subresource,
  operation,
}: AdmissionAttributes): SpanAttributes {
  return { resource: `${group}/${version}, Resource=${resource}`, subresource, operation }
}

async function usable<T>(name: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof WebhookCallError) {
      throw new CallingWebhookError(name, `failed to call webhook: ${error.message}`, error.answered ? error.code : 503)
    }
    if (error instanceof WebhookCredentialsError) {
      throw new CallingWebhookError(name, `could not get REST client: ${error.message}`, 400)
    }
    if (error instanceof ReviewError) {
      throw new CallingWebhookError(name, `received invalid webhook response: ${error.message}`)
    }
    throw error
  }
}

/** A webhook's own no. */
export class WebhookDenial extends StatusError {}

/** The refusal as the webhook words it, with its code and reason (pkg/admission/plugin/webhook/errors/statuserror.go). */
export function denial(name: string, result: Partial<Status> | undefined): WebhookDenial {
  const { kind: _, apiVersion: __, status: ___, ...given } = result ?? {}
  const deniedBy = `admission webhook ${JSON.stringify(name)} denied the request`
  const why = given.message || given.reason
  return new WebhookDenial({
    ...given,
    metadata: given.metadata ?? {},
    code: Math.max(given.code ?? 0, 400),
    message: why ? `${deniedBy}: ${why}` : `${deniedBy} without explanation`,
  })
}

/** The objects of the request in the version that the webhook asked for. */
export async function objectsFor(attributes: AdmissionAttributes, { kind }: Match): Promise<ReviewedObjects> {
  const { object, oldObject, versions } = attributes
  const same = kind.group === attributes.kind.group && kind.version === attributes.kind.version
  if (same) return { object, oldObject }
  const as = async (each: KubeObject | undefined): Promise<KubeObject | undefined> =>
    each === undefined ? undefined : versions.convert(each, kind)
  return { object: await as(object), oldObject: await as(oldObject) }
}
