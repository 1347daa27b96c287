/** The parameters of a binding (k8s.io/apiserver/pkg/admission/plugin/policy/generic/policy_dispatcher.go, CollectParams). */
import type { ParamKind, ParamRef } from '@canopus/api/admissionregistration/v1'
import { type KubeObject, labelSelector, matches, type ResourceType } from '@canopus/apimachinery'
import type { Maybe, ObjectReader } from '../../security.ts'

/** Finds the resource that serves a kind; undefined where none does. */
export type ResourceOfKind = (apiVersion: string, kind: string) => ResourceType | undefined

/** The policy or its binding cannot be used as it stands. */
export class PolicyConfigurationError extends Error {}

/**
 * The parameters to evaluate a policy with, once for each: `[undefined]` where there is nothing to look for, none where the
 * binding allows that nothing is found. Throws PolicyConfigurationError, and StatusError where a webhook cannot convert them.
 */
export function collectParams(
  kind: ParamKind | undefined,
  reference: ParamRef | undefined,
  namespace: string,
  resourceOf: ResourceOfKind,
  objects: ObjectReader,
): Maybe<readonly (KubeObject | undefined)[]> {
  if (kind === undefined || reference === undefined) return [undefined]
  const type = resourceOf(kind.apiVersion ?? '', kind.kind ?? '')
  if (type === undefined) {
    const text = `&ParamKind{APIVersion:${kind.apiVersion},Kind:${kind.kind},}`
    throw new PolicyConfigurationError(`paramKind kind \`${text}\` not known`)
  }
  const place = placeOf(type, reference, namespace)
  const found = find(type, reference, place, objects)
  return found instanceof Promise ? found.then(all => checked(all, reference)) : checked(found, reference)
}

function checked(found: readonly KubeObject[], reference: ParamRef): readonly KubeObject[] {
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

function find(
  type: ResourceType,
  reference: ParamRef,
  place: string,
  objects: ObjectReader,
): Maybe<readonly KubeObject[]> {
  const { name, selector } = reference
  if (name) return objects.read(type, place, name)
  if (selector === undefined) throw new PolicyConfigurationError('one of name or selector must be provided')
  const selected = labelSelector(selector)
  const fitting = (all: readonly KubeObject[]): readonly KubeObject[] =>
    all.filter(({ metadata }) => matches(selected, metadata.labels))
  const all = objects.read(type, type.namespaced ? place : undefined)
  return all instanceof Promise ? all.then(fitting) : fitting(all)
}
