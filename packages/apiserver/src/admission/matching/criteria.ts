/**
 * Which requests a webhook or an admission policy is asked about: selectors, rules and match policy together
 * (k8s.io/apiserver/pkg/admission/plugin/webhook/generic/webhook.go, ShouldCallHook; plugin/policy/matching/matching.go).
 */
import type { MatchResources } from '@canopus/api/admissionregistration/v1'
import {
  internalError,
  type KubeObject,
  type LabelSelector,
  type Labels,
  labelSelector,
  matches as matchesLabels,
  notFoundError,
  type Selector,
  SelectorError,
  type StatusError,
} from '@canopus/apimachinery'
import type { Maybe, VersionedResource } from '../../security.ts'
import { isNamespaceObject, type Match, type MatchRequest, matchRules, namespaceOf, type Rule } from './rules.ts'

/** What is to match, with its selectors read. */
export interface MatchCriteria {
  readonly namespaceSelector: Selector | StatusError
  readonly objectSelector: Selector | StatusError
  readonly rules: readonly Rule[]
  readonly excludeRules: readonly Rule[]
  /** Whether no rules mean everything (policies) or nothing (webhooks). */
  readonly withoutRules: 'everything' | 'nothing'
  /** Whether other versions of the resource count too. */
  readonly equivalent: boolean
}

/** The criteria of an admission policy (`matchConstraints`) or binding (`matchResources`). */
export function policyCriteria(match: MatchResources | undefined): MatchCriteria {
  return {
    namespaceSelector: readSelector(match?.namespaceSelector),
    objectSelector: readSelector(match?.objectSelector),
    rules: match?.resourceRules ?? [],
    excludeRules: match?.excludeResourceRules ?? [],
    withoutRules: 'everything',
    equivalent: match?.matchPolicy === 'Equivalent',
  }
}

/** The criteria of a webhook. */
export function webhookCriteria(webhook: {
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  rules?: readonly Rule[]
  matchPolicy?: string
}): MatchCriteria {
  return {
    namespaceSelector: readSelector(webhook.namespaceSelector),
    objectSelector: readSelector(webhook.objectSelector),
    rules: webhook.rules ?? [],
    excludeRules: [],
    withoutRules: 'nothing',
    equivalent: webhook.matchPolicy === 'Equivalent',
  }
}

/** A selector that was left out selects everything here. */
function readSelector(selector: LabelSelector | undefined): Selector | StatusError {
  if (selector === undefined) return []
  try {
    return labelSelector(selector)
  } catch (error) {
    if (error instanceof SelectorError) return internalError(error.message)
    throw error
  }
}

const selectsEverything = (selector: Selector | StatusError): boolean =>
  Array.isArray(selector) && (selector as readonly unknown[]).length === 0

/** Labels of the namespace of a request, or why they cannot be had. */
export type NamespaceLabels = Labels | StatusError | undefined

/**
 * Whether matching needs the labels of the request's namespace to be looked up. Requests outside namespaces are exempt from
 * namespace selectors; a namespace that is being written carries its labels itself.
 */
export function needsNamespaceLabels(criteria: readonly MatchCriteria[], request: MatchRequest): boolean {
  if (namespaceOf(request) === '' || ownLabels(request) !== undefined) return false
  return criteria.some(({ namespaceSelector }) => !selectsEverything(namespaceSelector))
}

/** The labels of a namespace as `find` (cache) and, where that knows none, `findFresh` (store) have it. */
export function lookUpNamespaceLabels(
  name: string,
  find: (name: string) => KubeObject | undefined,
  findFresh: (name: string) => Promise<KubeObject | undefined>,
): Maybe<NamespaceLabels> {
  const labelsOf = (namespace: KubeObject | undefined): NamespaceLabels =>
    namespace === undefined
      ? notFoundError({ group: '', resource: 'namespaces', name })
      : (namespace.metadata.labels ?? {})
  const cached = find(name)
  return cached === undefined ? findFresh(name).then(labelsOf) : labelsOf(cached)
}

function ownLabels(request: MatchRequest): Labels | undefined {
  const { operation, subresource, object } = request
  if (!isNamespaceObject(request) || subresource !== '') return undefined
  return operation === 'CREATE' || operation === 'UPDATE' ? (object?.metadata?.labels ?? {}) : undefined
}

/**
 * How the request matches, or undefined. `labels` are those of its namespace where `needsNamespaceLabels` says so. Throws
 * StatusError where only a selector that cannot be used stands in the way (a namespace that does not exist: 404).
 */
export function matchRequest(
  criteria: MatchCriteria,
  request: MatchRequest,
  labels: NamespaceLabels,
  equivalents: () => readonly VersionedResource[],
): Match | undefined {
  const byNamespace = selectedByNamespace(criteria.namespaceSelector, request, labels)
  if (byNamespace === false) return undefined
  const byObject = selectedByObject(criteria.objectSelector, request)
  if (byObject === false) return undefined
  const others = criteria.equivalent ? equivalents : undefined
  if (matchRules(criteria.excludeRules, request, others) !== undefined) return undefined
  const match =
    criteria.rules.length === 0 && criteria.withoutRules === 'everything'
      ? { resource: request.resource, kind: request.kind }
      : matchRules(criteria.rules, request, others)
  if (match === undefined) return undefined
  if (byNamespace !== true) throw byNamespace
  if (byObject !== true) throw byObject
  return match
}

function selectedByNamespace(
  selector: Selector | StatusError,
  request: MatchRequest,
  labels: NamespaceLabels,
): boolean | StatusError {
  if (namespaceOf(request) === '' && !isNamespaceObject(request)) return true
  if (selector instanceof Error) return selector
  if (selectsEverything(selector)) return true
  const known = ownLabels(request) ?? labels
  return known instanceof Error ? known : matchesLabels(selector, known)
}

/** The object as it is to be or as it was. */
function selectedByObject(
  selector: Selector | StatusError,
  { object, oldObject }: MatchRequest,
): boolean | StatusError {
  if (selector instanceof Error) return selector
  if (selectsEverything(selector)) return true
  const selected = (each: KubeObject | undefined): boolean =>
    each !== undefined && matchesLabels(selector, each.metadata?.labels)
  return selected(object) || selected(oldObject)
}
