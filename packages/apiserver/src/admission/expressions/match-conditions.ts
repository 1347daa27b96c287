/** Match conditions of webhooks and policies (k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions/matcher.go). */
import type { MatchCondition } from '@canopus/api/admissionregistration/v1'
import { aggregateText } from '@canopus/apimachinery'
import { boolType, RUNTIME_COST_BUDGET_MATCH_CONDITIONS } from '@canopus/cel'
import type { Authorizer } from '../../security.ts'
import type { ConditionsVerdict, MatchConditions } from '../webhooks/match.ts'
import { compileExpression, type Expression } from './compile.ts'
import { admissionEnvironment } from './environment.ts'
import { Evaluator, OutOfBudget } from './evaluate.ts'
import { authorizerVariable, requestVariables } from './input.ts'

/** Whether all conditions hold. One that does not decides, whatever others fail with. */
export async function evaluateConditions(
  conditions: readonly Expression[],
  evaluator: Evaluator,
  failurePolicy: 'Fail' | 'Ignore',
): Promise<ConditionsVerdict> {
  const problems: string[] = []
  const budget = { left: RUNTIME_COST_BUDGET_MATCH_CONDITIONS }
  try {
    for (const condition of conditions) {
      const result = await evaluator.evaluate(condition, budget)
      if ('error' in result) problems.push(result.error)
      else if (result.value === false) return { kind: 'unmet' }
    }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error
    return failurePolicy === 'Fail' ? { kind: 'failed', why: error.message } : { kind: 'unmet' }
  }
  if (problems.length === 0) return { kind: 'met' }
  return failurePolicy === 'Fail' ? { kind: 'failed', why: aggregateText(problems) } : { kind: 'unmet' }
}

/** The conditions of webhooks, compiled once for each state of their configuration. */
export function webhookConditions(authorizer: Authorizer): MatchConditions {
  const compiled = new WeakMap<readonly MatchCondition[], readonly Expression[]>()
  const expressionsOf = (conditions: readonly MatchCondition[]): readonly Expression[] => {
    let known = compiled.get(conditions)
    if (known === undefined) {
      const environment = admissionEnvironment({ params: false, authorizer: true })
      known = conditions.map(({ expression }) => compileExpression(environment, expression, [boolType]))
      compiled.set(conditions, known)
    }
    return known
  }
  return {
    evaluate(conditions, failurePolicy, attributes, match, objects) {
      const own = { ...match, resource: attributes.resource }
      const input = requestVariables(attributes, own, objects, {
        authorizer: authorizerVariable(authorizer, attributes.user),
      })
      return evaluateConditions(expressionsOf(conditions), new Evaluator(input), failurePolicy)
    },
  }
}
