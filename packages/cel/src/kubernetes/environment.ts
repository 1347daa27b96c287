import { Environment, type Library } from '../environment.ts'
import { twoVariableLibrary } from '../ext/comprehensions.ts'
import { listsLibrary } from '../ext/lists.ts'
import { optionalsLibrary } from '../ext/optionals.ts'
import { setsLibrary } from '../ext/sets.ts'
import { stringsLibrary } from '../ext/strings.ts'
import { kubernetesCallCosts } from './call-costs.ts'
import { kubernetesCallEstimates } from './call-estimates.ts'
import { authorizerLibrary } from './library/authorizer.ts'
import { cidrLibrary } from './library/cidr.ts'
import { formatLibrary } from './library/format.ts'
import { ipLibrary } from './library/ip.ts'
import { kubernetesListsLibrary } from './library/lists.ts'
import { quantityLibrary } from './library/quantity.ts'
import { regexLibrary } from './library/regex.ts'
import { semverLibrary } from './library/semver.ts'
import { urlLibrary } from './library/url.ts'
import { kubernetesValidators } from './validators.ts'

const rules: Library = {
  validators: kubernetesValidators,
  callCosts: kubernetesCallCosts,
  callEstimates: kubernetesCallEstimates,
}

/** The cost that one evaluation of one expression may have. */
export const PER_CALL_LIMIT = 1_000_000
/** The cost that all expressions for one custom resource, or of one policy for one request, may have together. */
export const RUNTIME_COST_BUDGET = 10_000_000
/** The same for the match conditions of one webhook. */
export const RUNTIME_COST_BUDGET_MATCH_CONDITIONS = 2_500_000

/** The libraries of every expression in Kubernetes, in upstream's order. */
export const kubernetesLibraries: readonly Library[] = [
  rules,
  urlLibrary,
  regexLibrary,
  kubernetesListsLibrary,
  authorizerLibrary,
  optionalsLibrary,
  quantityLibrary,
  stringsLibrary(2),
  setsLibrary,
  ipLibrary,
  cidrLibrary,
  formatLibrary,
  twoVariableLibrary,
  semverLibrary,
  listsLibrary,
]

/**
 * What every expression in Kubernetes 1.36 may use, without variables: `extend` it with those of the place it is for.
 * Behaviour: apiserver pkg/cel/environment/base.go, options up to version 1.36.
 */
export const kubernetesEnvironment = new Environment({
  presenceTestHasCost: false,
  libraries: kubernetesLibraries,
})
