/** The parameters of a binding (k8s.io/apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go, CollectParams). */
import type { ParamKind, ParamRef } from '@canopus/api/admissionregistration/v1'
import { type KubeObject, labelSelector, matches, type ResourceType } from '@canopus/apimachinery'
import type { ObjectReader } from '../../security.ts'

/** Finds the resource that serves a kind; undefined where none does. */
export type ResourceOfKind = (apiVersion: string, kind: string) => ResourceType | undefined

/** The policy or its binding cannot be used as it stands. */
export class PolicyConfigurationError extends Error {}

/**
 * The parameters to evaluate a policy with, once for each: `[undefined]` where there is nothing to look for, none where the
 * binding allows that nothing is found. Throws PolicyConfigurationError.
 */
export function collectParams(
  kind: ParamKind | undefined,
  reference: ParamRef | undefined,
  namespace: string,
  resourceOf: ResourceOfKind,
  objects: ObjectReader,
): readonly (KubeObject | undefined)[] {
  if (kind === undefined || reference === undefined) return [undefined]
  const type = resourceOf(kind.apiVersion ?? '', kind.kind ?? '')
  if (type === undefined) {
    const text = `&ParamKind{APIVersion:${kind.apiVersion},Kind:${kind.kind},}`
    throw new PolicyConfigurationError(`paramKind kind \`${text}\` not known`)
  }
  const place = placeOf(type, reference, namespace)
  const found = find(type, reference, place, objects)
  if (found.length === 0 && reference.parameterNotFoundAction === 'Deny') {
    throw new PolicyConfigurationError('no params found for policy binding with `Deny` parameterNotFoundAction')
  }
  return found
}

function placeOf(type: ResourceType, reference: ParamRef, namespace: string): string {
  if (!type.namespaced) {
    if (!reference.namespace) return ''
    throw new PolicyConfigurationError('paramRef.namespace must not be provided for a cluster-scoped `paramKind`')
  }
  const place = reference.namespace || namespace
  if (place !== '') return place
  throw new PolicyConfigurationError(
    'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
  )
}

function find(type: ResourceType, reference: ParamRef, place: string, objects: ObjectReader): readonly KubeObject[] {
  const { name, selector } = reference
  if (name) {
    const object = objects.get(type, name, place)
    return object === undefined ? [] : [object]
  }
  if (selector === undefined) throw new PolicyConfigurationError('one of name or selector must be provided')
  const selected = labelSelector(selector)
  return objects
    .list(type, type.namespaced ? place : undefined)
    .filter(({ metadata }) => matches(selected, metadata.labels))
}
