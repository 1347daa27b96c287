/** Match conditions of webhooks (KEP-3716; k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions/matcher.go). */
import type { Kind } from '@canopus/api'
import type {
  MatchCondition,
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
} from '@canopus/api/admissionregistration/v1'
import { deepEqual, type FieldError, invalid, type KubeObject } from '@canopus/apimachinery'
import {
  type Activation,
  boolType,
  CostExceeded,
  PER_CALL_LIMIT,
  RUNTIME_COST_BUDGET_MATCH_CONDITIONS,
} from '@canopus/cel'
import type { Authorizer } from '../../security.ts'
import type { ConditionsVerdict, MatchConditions } from '../webhooks/match.ts'
import { activationOf } from './activation.ts'
import { type CompiledExpression, compileExpression, conditionEnvironment } from './environment.ts'

const compile = (text: string): CompiledExpression => compileExpression(conditionEnvironment(), text, boolType)

const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run'

/** Evaluates match conditions; each list of them is compiled once. */
export function celMatchConditions(authorizer: Authorizer): MatchConditions {
  const compiled = new WeakMap<readonly MatchCondition[], readonly CompiledExpression[]>()
  return {
    async evaluate(conditions, failurePolicy, attributes, match, objects) {
      let programs = compiled.get(conditions)
      if (programs === undefined) {
        programs = conditions.map(({ expression }) => compile(expression))
        compiled.set(conditions, programs)
      }
      const verdict = await judge(conditions, programs, activationOf(attributes, match, objects, authorizer))
      return verdict.kind === 'failed' && failurePolicy === 'Ignore' ? { kind: 'unmet' } : verdict
    },
  }
}

/** One condition that is not met decides, whatever became of the others; else one that failed does. */
async function judge(
  conditions: readonly MatchCondition[],
  programs: readonly CompiledExpression[],
  activation: Activation,
): Promise<ConditionsVerdict> {
  let budget = RUNTIME_COST_BUDGET_MATCH_CONDITIONS
  const problems: string[] = []
  let unmet = false
  for (const [index, { expression }] of conditions.entries()) {
    const { outcome, cost } = await run(expression, programs[index]!, activation, Math.min(budget, PER_CALL_LIMIT))
    if (cost > budget || (outcome === 'expensive' && budget < PER_CALL_LIMIT)) {
      return { kind: 'failed', why: OUT_OF_BUDGET }
    }
    budget -= cost
    if (outcome === false) unmet = true
    else if (outcome === 'expensive')
      problems.push(failed(expression, 'operation cancelled: actual cost limit exceeded'))
    else if (outcome !== true) problems.push(outcome)
  }
  if (unmet) return { kind: 'unmet' }
  if (problems.length === 0) return { kind: 'met' }
  return { kind: 'failed', why: problems.length === 1 ? problems[0]! : `[${[...new Set(problems)].join(', ')}]` }
}

const failed = (expression: string, why: string): string => `expression '${expression}' resulted in error: ${why}`

/** What came out: a verdict, what went wrong, or that it was stopped for its cost. */
async function run(
  expression: string,
  compiled: CompiledExpression,
  activation: Activation,
  costLimit: number,
): Promise<{ outcome: boolean | string; cost: number }> {
  if ('problem' in compiled) return { outcome: `compilation error: ${compiled.problem}`, cost: 0 }
  try {
    const result = await compiled.program.evaluateAsync(activation, { costLimit })
    const outcome = result.ok ? result.value === true : failed(expression, result.error.message)
    return { outcome, cost: result.cost }
  } catch (error) {
    if (error instanceof CostExceeded) return { outcome: 'expensive', cost: costLimit }
    throw error
  }
}

type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration

/** A kind of webhook configurations, which then compiles conditions too. What was let in once stays. */
export function withConditionValidation(kind: Kind): Kind {
  const { strategy } = kind
  const conditionsOf = (object: KubeObject): unknown =>
    ((object as Configuration).webhooks ?? []).map(each => each.matchConditions ?? [])
  return {
    ...kind,
    strategy: {
      ...strategy,
      validate: object => [...(strategy.validate?.(object) ?? []), ...conditionErrors(object as Configuration)],
      validateUpdate: (object, old) => [
        ...(strategy.validateUpdate?.(object, old) ?? []),
        ...(deepEqual(conditionsOf(object), conditionsOf(old)) ? [] : conditionErrors(object as Configuration)),
      ],
    },
  }
}

function conditionErrors({ webhooks = [] }: Configuration): FieldError[] {
  return webhooks.flatMap(({ matchConditions = [] }, index) =>
    matchConditions.flatMap(({ expression }, at) => {
      // An expression that is missing is found by the kind itself.
      if (!expression?.trim()) return []
      const result = compile(expression)
      if ('program' in result) return []
      return [invalid(`webhooks[${index}].matchConditions[${at}].expression`, expression, result.problem)]
    }),
  )
}
