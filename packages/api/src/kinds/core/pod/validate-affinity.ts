import {
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
  duplicate,
  forbidden,
  invalid,
  isFeatureOn,
  type LabelSelector,
  notSupported,
  required,
  validateLabelSelector,
} from '@canopus/apimachinery'
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../../../generated/core.v1.ts'
import { checkOptionalChoice, checkText, type Errors, NOT_POSITIVE_MESSAGE, push } from '../../shared/check.ts'

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'

export function checkAffinity(errors: Errors, path: string, affinity: Affinity): void {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity
  if (nodeAffinity) {
    const at = `${path}.nodeAffinity`
    if (nodeAffinity[REQUIRED]) checkNodeSelector(errors, `${at}.${REQUIRED}`, nodeAffinity[REQUIRED])
    for (const [index, { weight, preference }] of (nodeAffinity[PREFERRED] ?? []).entries()) {
      checkWeight(errors, `${at}.${PREFERRED}[${index}].weight`, weight)
      checkNodeSelectorTerm(errors, `${at}.${PREFERRED}[${index}].preference`, preference ?? {}, true)
    }
  }
  if (podAffinity) checkPodAffinity(errors, `${path}.podAffinity`, podAffinity)
  if (podAntiAffinity) checkPodAffinity(errors, `${path}.podAntiAffinity`, podAntiAffinity)
}

function checkWeight(errors: Errors, field: string, weight: number | undefined): void {
  if (weight === undefined || weight <= 0 || weight > 100) {
    errors.push(invalid(field, weight ?? 0, 'must be in the range 1-100'))
  }
}

export function checkNodeSelector(errors: Errors, path: string, { nodeSelectorTerms }: NodeSelector): void {
  const terms = nodeSelectorTerms ?? []
  if (terms.length === 0) {
    errors.push(required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term'))
  }
  for (const [index, term] of terms.entries()) {
    checkNodeSelectorTerm(errors, `${path}.nodeSelectorTerms[${index}]`, term, false)
  }
}

function checkNodeSelectorTerm(errors: Errors, path: string, term: NodeSelectorTerm, anyValues: boolean): void {
  for (const [index, requirement] of (term.matchExpressions ?? []).entries()) {
    checkNodeRequirement(errors, `${path}.matchExpressions[${index}]`, requirement, anyValues)
  }
  for (const [index, requirement] of (term.matchFields ?? []).entries()) {
    checkNodeField(errors, `${path}.matchFields[${index}]`, requirement)
  }
}

function checkNodeRequirement(
  errors: Errors,
  path: string,
  { key, operator, values = [] }: NodeSelectorRequirement,
  anyValues: boolean,
): void {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"))
      }
      break
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        errors.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      }
      break
    case 'Gt':
    case 'Lt':
      if (values.length !== 1) {
        errors.push(required(`${path}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
      }
      break
    default:
      errors.push(invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator'))
  }
  checkText(errors, `${path}.key`, key ?? '', checkQualifiedName)
  if (anyValues) return
  for (const [index, value] of values.entries()) checkText(errors, `${path}.values[${index}]`, value, checkLabelValue)
}

function checkNodeField(errors: Errors, path: string, { key, operator, values = [] }: NodeSelectorRequirement): void {
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(invalid(`${path}.operator`, operator ?? '', 'not a valid selector operator'))
  } else if (values.length !== 1) {
    const text = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
    errors.push(required(`${path}.values`, text))
  }
  if (key !== 'metadata.name') {
    errors.push(invalid(`${path}.key`, key ?? '', 'not a valid field selector key'))
    return
  }
  for (const [index, value] of values.entries()) {
    checkText(errors, `${path}.values[${index}]`, value, checkDns1123Subdomain)
  }
}

function checkPodAffinity(errors: Errors, path: string, affinity: PodAffinity): void {
  for (const [index, term] of (affinity[REQUIRED] ?? []).entries()) {
    checkAffinityTerm(errors, `${path}.${REQUIRED}[${index}]`, term)
  }
  for (const [index, { weight, podAffinityTerm }] of (affinity[PREFERRED] ?? []).entries()) {
    checkWeight(errors, `${path}.${PREFERRED}[${index}].weight`, weight)
    const term = podAffinityTerm ?? { topologyKey: '' }
    checkAffinityTerm(errors, `${path}.${PREFERRED}[${index}].podAffinityTerm`, term)
  }
}

function checkAffinityTerm(errors: Errors, path: string, term: PodAffinityTerm): void {
  push(errors, validateLabelSelector(term.labelSelector, `${path}.labelSelector`))
  push(errors, validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`))
  for (const name of term.namespaces ?? []) checkText(errors, `${path}.namespace`, name, checkDns1123Label)
  checkLabelKeys(errors, `${path}.matchLabelKeys`, term.matchLabelKeys, term.labelSelector)
  checkLabelKeys(errors, `${path}.mismatchLabelKeys`, term.mismatchLabelKeys, term.labelSelector)
  checkMergedKeys(errors, path, term.matchLabelKeys, term.labelSelector)
  for (const [index, key] of (term.matchLabelKeys ?? []).entries()) {
    if (term.mismatchLabelKeys?.includes(key)) {
      errors.push(
        invalid(`${path}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'),
      )
    }
  }
  if (!term.topologyKey) errors.push(required(`${path}.topologyKey`, 'can not be empty'))
  checkText(errors, `${path}.topologyKey`, term.topologyKey ?? '', checkQualifiedName)
}

function checkLabelKeys(
  errors: Errors,
  path: string,
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
): void {
  if (keys === undefined || keys.length === 0) return
  if (selector === undefined) {
    errors.push(forbidden(path, 'must not be specified when labelSelector is not set'))
    return
  }
  for (const [index, key] of keys.entries()) checkText(errors, `${path}[${index}]`, key, checkQualifiedName)
}

/**
 * A key of `matchLabelKeys` has become a requirement of the selector by now; a second requirement is the user's own.
 * Upstream puts the index behind the term itself in this finding.
 */
function checkMergedKeys(
  errors: Errors,
  path: string,
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
): void {
  if (keys === undefined || selector === undefined) return
  const seen = new Set(Object.keys(selector.matchLabels ?? {}))
  for (const { key } of selector.matchExpressions ?? []) {
    const index = keys.lastIndexOf(key)
    if (index >= 0 && seen.has(key)) {
      errors.push(invalid(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector'))
    }
    seen.add(key)
  }
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

export function checkTaintEffect(errors: Errors, field: string, effect: string | undefined): void {
  if (!effect) errors.push(required(field))
  else if (!EFFECTS.includes(effect)) errors.push(notSupported(field, effect, EFFECTS))
}

export function checkTolerations(errors: Errors, path: string, tolerations: readonly Toleration[]): void {
  for (let i = 0; i < tolerations.length; i++) checkToleration(errors, `${path}[${i}]`, tolerations[i]!)
}

function checkToleration(errors: Errors, path: string, toleration: Toleration): void {
  const { key, operator, value = '', effect, tolerationSeconds } = toleration
  if (key) checkText(errors, `${path}.key`, key, checkQualifiedName)
  else if (operator !== 'Exists') {
    const text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
    errors.push(invalid(`${path}.operator`, operator ?? '', text))
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
    errors.push(invalid(`${path}.effect`, effect ?? '', text))
  }
  if (!operator || operator === 'Equal') {
    const messages = checkLabelValue(value)
    if (messages.length > 0) errors.push(invalid(`${path}.operator`, value, messages.join(';')))
  } else if (operator === 'Exists') {
    if (value !== '') errors.push(invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"))
  } else if ((operator === 'Lt' || operator === 'Gt') && isFeatureOn('TaintTolerationComparisonOperators')) {
    checkInteger(errors, `${path}.value`, value)
  } else {
    // Comparisons have a feature gate of their own, which is off by default; it is told of all the same.
    const more = operator === 'Lt' || operator === 'Gt' ? ['Lt', 'Gt'] : []
    errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists', ...more]))
  }
  if (effect) checkTaintEffect(errors, `${path}.effect`, effect)
}

/** A number of 64 bits, without leading zeros. */
function checkInteger(errors: Errors, field: string, text: string): void {
  if (text === '') errors.push(invalid(field, text, 'must be non-empty'))
  else if (!/^(0|-?[1-9][0-9]*)$/.test(text))
    errors.push(invalid(field, text, 'must be a valid decimal integer in canonical form'))
  const problem = !/^[+-]?[0-9]+$/.test(text)
    ? 'invalid syntax'
    : BigInt.asIntN(64, BigInt(text)) === BigInt(text)
      ? undefined
      : 'value out of range'
  if (problem !== undefined)
    errors.push(invalid(field, text, `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${problem}`))
}

const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway']
const INCLUSION = ['Honor', 'Ignore']

export function checkTopologySpread(
  errors: Errors,
  path: string,
  constraints: readonly TopologySpreadConstraint[],
): void {
  for (const [index, constraint] of constraints.entries()) {
    const at = `${path}[${index}]`
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, labelSelector } = constraint
    if (!(maxSkew > 0)) errors.push(invalid(`${at}.maxSkew`, maxSkew ?? 0, NOT_POSITIVE_MESSAGE))
    if (!topologyKey) errors.push(required(`${at}.topologyKey`, 'can not be empty'))
    if (!ACTIONS.includes(whenUnsatisfiable)) {
      errors.push(notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable ?? '', ACTIONS))
    }
    const same = (each: TopologySpreadConstraint): boolean =>
      each.topologyKey === topologyKey && each.whenUnsatisfiable === whenUnsatisfiable
    // Upstream names the first of two.
    if (constraints.slice(index + 1).some(same)) {
      errors.push(duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, `{${topologyKey}, ${whenUnsatisfiable}}`))
    }
    if (minDomains !== undefined) {
      if (minDomains <= 0) errors.push(invalid(`${at}.minDomains`, minDomains, NOT_POSITIVE_MESSAGE))
      if (whenUnsatisfiable !== 'DoNotSchedule') {
        const text = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`
        errors.push(invalid(`${at}.minDomains`, minDomains, text))
      }
    }
    checkOptionalChoice(errors, `${at}.nodeAffinityPolicy`, constraint.nodeAffinityPolicy, INCLUSION)
    checkOptionalChoice(errors, `${at}.nodeTaintsPolicy`, constraint.nodeTaintsPolicy, INCLUSION)
    checkLabelKeys(errors, `${at}.matchLabelKeys`, constraint.matchLabelKeys, labelSelector)
    checkMergedKeys(errors, at, constraint.matchLabelKeys, labelSelector)
    push(errors, validateLabelSelector(labelSelector, `${at}.labelSelector`))
  }
}
