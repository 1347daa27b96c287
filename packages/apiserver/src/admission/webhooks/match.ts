/** Which webhooks a request is for (k8s.io/apiserver/pkg/admission/plugin/webhook/generic/webhook.go). */
import { Namespaces } from '@canopus/api'
import type { MatchCondition } from '@canopus/api/admissionregistration/v1'
import { forbiddenError } from '@canopus/apimachinery'
import type { AdmissionAttributes, Maybe, ObjectReader } from '../../security.ts'
import {
  lookUpNamespaceLabels,
  matchRequest,
  type NamespaceLabels,
  needsNamespaceLabels,
} from '../matching/criteria.ts'
import { type Match, namespaceOf } from '../matching/rules.ts'
import { objectsFor } from './ask.ts'
import type { ReviewedObjects } from './review.ts'
import type { Hook } from './source.ts'

/** What match conditions say of a request: met or not, or why that cannot be said. */
export type ConditionsVerdict =
  | { readonly kind: 'met' }
  | { readonly kind: 'unmet' }
  | { readonly kind: 'failed'; readonly why: string }

/** Evaluates the match conditions of a webhook, which are expressions in CEL. */
export interface MatchConditions {
  /**
   * `objects` are of the version that the webhook is to see. With `failurePolicy` Ignore a condition that fails counts as one
   * that is not met.
   */
  evaluate(
    conditions: readonly MatchCondition[],
    failurePolicy: 'Fail' | 'Ignore',
    attributes: AdmissionAttributes,
    match: Match,
    objects: ReviewedObjects,
  ): Maybe<ConditionsVerdict>
}

/** For servers that know no CEL: a webhook with conditions fails as one whose conditions cannot be evaluated. */
export const noMatchConditions: MatchConditions = {
  evaluate: (_, failurePolicy) =>
    failurePolicy === 'Ignore'
      ? { kind: 'unmet' }
      : { kind: 'failed', why: 'match conditions are not supported by this server' },
}

/** The labels that the selectors of these webhooks need. */
export function namespaceLabels(
  hooks: readonly Hook[],
  attributes: AdmissionAttributes,
  objects: ObjectReader,
): Maybe<NamespaceLabels> {
  const criteria = hooks.map(each => each.criteria)
  if (!needsNamespaceLabels(criteria, attributes)) return undefined
  return lookUpNamespaceLabels(
    namespaceOf(attributes),
    name => objects.get(Namespaces, name),
    name => objects.getFresh(Namespaces, name),
  )
}

/** How the request is to be shown to the webhook, or undefined where it is not to be asked. Throws StatusError. */
export async function shouldCall(
  hook: Hook,
  attributes: AdmissionAttributes,
  labels: NamespaceLabels,
  conditions: MatchConditions,
): Promise<Match | undefined> {
  const match = matchRequest(hook.criteria, attributes, labels, () => attributes.versions.equivalents())
  if (match === undefined || hook.conditions.length === 0) return match
  const policy = hook.webhook.failurePolicy === 'Ignore' ? 'Ignore' : 'Fail'
  const objects = await objectsFor(attributes, match)
  const verdict = await conditions.evaluate(hook.conditions, policy, attributes, match, objects)
  if (verdict.kind === 'failed') {
    const { group, resource } = attributes.resource
    throw forbiddenError({ group, resource, name: attributes.name }, verdict.why)
  }
  return verdict.kind === 'met' ? match : undefined
}
