/** What the variables of an expression are for one request (k8s.io/apiserver/pkg/admission/plugin/cel/activation.go). */
import { type Activation, type AskAuthorizer, authorizerValue, fromJson, requestResourceValue } from '@canopus/cel'
import type { AdmissionAttributes, Authorizer, User } from '../../security.ts'
import type { Match } from '../matching/rules.ts'
import { createReview, type ReviewedObjects } from '../webhooks/review.ts'
import { REQUEST_RESOURCE } from './environment.ts'

/** The request as `match` found it, with objects of that version. */
export function activationOf(
  attributes: AdmissionAttributes,
  match: Match,
  { object, oldObject }: ReviewedObjects,
  authorizer: Authorizer,
): Activation {
  const { request } = createReview('v1', '', attributes, match, { object: undefined, oldObject: undefined })
  const { uid: _, object: __, oldObject: ___, ...shown } = request as Record<string, unknown>
  const authorization = authorizerValue(askFor(attributes.user, authorizer))
  const { group, resource } = attributes.resource
  const { subresource, namespace, name } = attributes
  return {
    object: fromJson(object ?? null),
    oldObject: fromJson(oldObject ?? null),
    request: fromJson(shown),
    authorizer: authorization,
    [REQUEST_RESOURCE]: requestResourceValue(authorization, { group, resource, subresource, namespace, name }),
  }
}

function askFor(user: User, authorizer: Authorizer): AskAuthorizer {
  return async question => {
    const { subject, verb } = question
    const asking = subject === undefined ? user : serviceAccount(subject)
    const nothing = { apiGroup: '', apiVersion: '', resource: '', subresource: '', namespace: '', name: '' }
    try {
      const { decision, reason } = await authorizer.authorize(
        question.kind === 'path'
          ? { ...nothing, user: asking, verb, isResourceRequest: false, path: question.path }
          : {
              user: asking,
              verb,
              isResourceRequest: true,
              path: '',
              apiGroup: question.group,
              apiVersion: '*',
              resource: question.resource,
              subresource: question.subresource,
              namespace: question.namespace,
              name: question.name,
              ...selector('fieldSelector', question.fieldSelector),
              ...selector('labelSelector', question.labelSelector),
            },
      )
      return { allowed: decision === 'allow', reason }
    } catch (error) {
      return { allowed: false, reason: '', error: error instanceof Error ? error.message : String(error) }
    }
  }
}

/** A selector that cannot be read narrows nothing. */
function selector(name: string, given: { text: string } | undefined): Record<string, string> {
  return given === undefined || 'error' in given ? {} : { [name]: given.text }
}

function serviceAccount({ namespace, name }: { namespace: string; name: string }): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  }
}
