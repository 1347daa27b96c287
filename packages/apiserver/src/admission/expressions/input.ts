/** What expressions see of a request. */
import { Namespaces } from '@canopus/api'
import type { Namespace } from '@canopus/api/core/v1'
import { type KubeObject, notFoundError } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import {
  type Activation,
  type AskAuthorizer,
  authorizerValue,
  fromJson,
  requestResourceValue,
  type Value,
} from '@canopus/cel'
import type { AdmissionAttributes, Attributes, Authorizer, Maybe, ObjectReader, User } from '../../security.ts'
import { isNamespaceObject, type Match, namespaceOf } from '../matching/rules.ts'
import { type ReviewedObjects, requestFacts, whole } from '../webhooks/review.ts'

/** The variables of a request in the version that it is to be seen in. `params` is given where there are parameters. */
export function requestVariables(
  attributes: AdmissionAttributes,
  match: Match,
  objects: ReviewedObjects,
  more: { namespace?: Namespace | undefined; params?: KubeObject | undefined; authorizer?: Value | undefined },
): Activation {
  const { namespace, params, authorizer } = more
  return {
    object: fromJson(whole(objects.object, match) ?? null),
    oldObject: fromJson(whole(objects.oldObject, match) ?? null),
    request: fromJson(requestFacts(attributes, match)),
    namespaceObject: fromJson(namespace === undefined ? null : visible(namespace)),
    params: fromJson(params ?? null),
    ...(authorizer === undefined
      ? {}
      : { authorizer, 'authorizer.requestResource': requestResourceValue(authorizer, targetOf(attributes)) }),
  }
}

/** A namespace without who owns its fields, and whom it belongs to. */
function visible({ metadata, spec, status }: Namespace): unknown {
  const { managedFields: _, ownerReferences: __, ...rest } = metadata
  return { metadata: rest, spec: spec ?? {}, status: status ?? {} }
}

/** The namespace of the request; nothing for requests outside of namespaces and about namespaces. Throws StatusError 404. */
export function namespaceObject(attributes: AdmissionAttributes, objects: ObjectReader): Maybe<Namespace | undefined> {
  const name = isNamespaceObject(attributes) ? '' : namespaceOf(attributes)
  if (name === '') return undefined
  const cached = objects.get(Namespaces, name)
  if (cached !== undefined) return cached
  return objects.getFresh(Namespaces, name).then(fresh => {
    if (fresh === undefined) throw notFoundError({ group: '', resource: 'namespaces', name })
    return fresh
  })
}

function targetOf({ resource, subresource, name, namespace }: AdmissionAttributes) {
  return { group: resource.group, resource: resource.resource, subresource, namespace, name }
}

/** The variable `authorizer`: asks on behalf of the user of the request. */
export function authorizerVariable(authorizer: Authorizer, user: User): Value {
  const ask: AskAuthorizer = question => {
    const decided = authorizer.authorize(questionAttributes(question, user))
    if (decided instanceof Promise) return decided.then(answer, failed)
    return answer(decided)
  }
  return authorizerValue(ask)
}

type Question = Parameters<AskAuthorizer>[0]
type Answer = Awaited<ReturnType<AskAuthorizer>>

const answer = ({ decision, reason }: { decision: string; reason: string }): Answer => ({
  allowed: decision === 'allow',
  reason,
})

const failed = (error: unknown): Answer => ({
  allowed: false,
  reason: '',
  error: messageOf(error),
})

function questionAttributes(question: Question, user: User): Attributes {
  const { subject, verb } = question
  const who = subject === undefined ? user : serviceAccountUser(subject.namespace, subject.name)
  const nothing = { apiGroup: '', apiVersion: '*', resource: '', subresource: '', namespace: '', name: '' }
  if (question.kind === 'path') {
    return { ...nothing, user: who, verb, isResourceRequest: false, path: question.path }
  }
  const { group, resource, subresource, namespace, name, fieldSelector, labelSelector } = question
  return {
    user: who,
    verb,
    isResourceRequest: true,
    path: '',
    apiGroup: group,
    apiVersion: '*',
    resource,
    subresource,
    namespace,
    name,
    ...(fieldSelector === undefined ? {} : { fieldSelector: fieldSelector.text }),
    ...(labelSelector === undefined ? {} : { labelSelector: labelSelector.text }),
  }
}

const serviceAccountUser = (namespace: string, name: string): User => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
})
