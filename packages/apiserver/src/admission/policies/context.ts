import { Namespaces } from '@canopus/api'
import { type KubeObject, StatusError } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { AdmissionAttributes, Authorizer, Maybe, ObjectReader } from '../../security.ts'
import type { AdmissionMetrics } from '../admission-metrics.ts'
import {
  lookUpNamespaceLabels,
  type MatchCriteria,
  matchRequest,
  type NamespaceLabels,
  needsNamespaceLabels,
} from '../matching/criteria.ts'
import { type Match, namespaceOf } from '../matching/rules.ts'
import { collectParams, PolicyConfigurationError, type ResourceOfKind } from './params.ts'
import type { AnyBinding, AnyPolicy, BoundPolicy } from './source.ts'

/** What the policy plugins work with. */
export interface PolicyContext {
  readonly objects: ObjectReader
  readonly authorizer: Authorizer
  readonly clock: Clock
  /** Where findings are counted; nowhere where missing. */
  readonly admissionMetrics?: AdmissionMetrics
  /** By which resources parameters are found. */
  readonly resourceOfKind: ResourceOfKind
}

/** A policy, by one of its bindings, that a request matches, with one of its parameters. */
export interface Invocation<P, B, C> {
  readonly policy: P
  readonly binding: B
  readonly compiled: C
  readonly match: Match
  readonly params: KubeObject | undefined
}

/** A policy or binding that cannot be used for the request. `binding` is missing where it is the policy's fault. */
export interface Misconfiguration<P, B> {
  readonly policy: P
  readonly binding?: B
  readonly message: string
}

/** The labels that the selectors of these policies need. */
export function policyLabels<P extends AnyPolicy, B extends AnyBinding, C>(
  bound: readonly BoundPolicy<P, B, C>[],
  attributes: AdmissionAttributes,
  objects: ObjectReader,
): Maybe<NamespaceLabels> {
  const criteria = bound.flatMap(each => [each.criteria, ...each.bindings.flatMap(({ criteria: own }) => own ?? [])])
  if (!needsNamespaceLabels(criteria, attributes)) return undefined
  return lookUpNamespaceLabels(
    namespaceOf(attributes),
    name => objects.get(Namespaces, name),
    name => objects.getFresh(Namespaces, name),
  )
}

/** Everything that a request is to be measured by, in order, and what stands in the way of it. */
export async function invocations<P extends AnyPolicy, B extends AnyBinding, C>(
  bound: readonly BoundPolicy<P, B, C>[],
  attributes: AdmissionAttributes,
  labels: NamespaceLabels,
  { objects, resourceOfKind }: PolicyContext,
): Promise<(Invocation<P, B, C> | Misconfiguration<P, B>)[]> {
  const found: (Invocation<P, B, C> | Misconfiguration<P, B>)[] = []
  const matching = (criteria: MatchCriteria): Match | undefined =>
    matchRequest(criteria, attributes, labels, () => attributes.versions.equivalents())
  for (const { policy, compiled, criteria, bindings } of bound) {
    const match = await tried(() => matching(criteria))
    if (match === undefined) continue
    if (match instanceof Error) {
      found.push({ policy, message: `failed to configure policy: ${match.message}` })
      continue
    }
    for (const { binding, criteria: own } of bindings) {
      const params = await tried<readonly (KubeObject | undefined)[]>(() => {
        if (own !== undefined && matching(own) === undefined) return []
        const { paramKind } = policy.spec
        return collectParams(paramKind, binding.spec.paramRef, attributes.namespace, resourceOfKind, objects)
      })
      if (params instanceof Error) {
        found.push({ policy, binding, message: `failed to configure binding: ${params.message}` })
      } else for (const each of params) found.push({ policy, binding, compiled, match, params: each })
    }
  }
  return found
}

async function tried<T>(run: () => Maybe<T>): Promise<T | Error> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof StatusError || error instanceof PolicyConfigurationError) return error
    throw error
  }
}
