/** ValidatingAdmissionPolicy (k8s.io/apiserver/pkg/admission/plugin/policy/validating/{dispatcher,validator}.go). */
import { ValidatingAdmissionPolicies, ValidatingAdmissionPolicyBindings } from '@canopus/api'
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '@canopus/api/admissionregistration/v1'
import { StatusError } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import { boolType, nullType, RUNTIME_COST_BUDGET, stringType, typeOf, type Value } from '@canopus/cel'
import type { AdmissionAttributes, AdmissionPlugin } from '../../security.ts'
import type { EnforcementAction } from '../admission-metrics.ts'
import { type Expression, ExpressionCompiler, type NamedExpression } from '../expressions/compile.ts'
import { type Budget, type Evaluation, Evaluator, OutOfBudget } from '../expressions/evaluate.ts'
import { authorizerVariable, namespaceObject, requestVariables } from '../expressions/input.ts'
import { evaluateConditions } from '../expressions/match-conditions.ts'
import { isBeyondPolicies } from '../matching/rules.ts'
import { refusal } from '../shared.ts'
import { objectsFor } from '../webhooks/ask.ts'
import { type Invocation, invocations, type PolicyContext, policyLabels } from './context.ts'
import { type BoundPolicy, PolicySource } from './source.ts'

type Policy = ValidatingAdmissionPolicy
type Binding = ValidatingAdmissionPolicyBinding

const LONGEST_MESSAGE = 5 * 1024
const LONGEST_ANNOTATION = 10 * 1024
const FAILURE = 'validation.policy.admission.k8s.io/validation_failure'

interface Rule {
  readonly validation: Validation
  readonly expression: Expression
  readonly message?: Expression
}

interface Compiled {
  readonly conditions: readonly Expression[]
  readonly variables: readonly NamedExpression[]
  readonly rules: readonly Rule[]
  readonly annotations: readonly { readonly key: string; readonly expression: Expression }[]
}

/** Compiles all expressions of a policy; what is wrong with one shows when it is to be evaluated. */
export function compileValidatingPolicy({ spec }: Policy): Compiled {
  const params = spec.paramKind !== undefined
  const compiler = new ExpressionCompiler({ params, authorizer: true })
  for (const { name, expression } of spec.variables ?? []) compiler.addVariable(name, expression)
  const told = new ExpressionCompiler({ params, authorizer: false })
  for (const { name, expression } of spec.variables ?? []) told.addVariable(name, expression)
  return {
    conditions: (spec.matchConditions ?? []).map(({ expression }) => compiler.compile(expression, [boolType])),
    variables: compiler.variables,
    rules: (spec.validations ?? []).map(validation => ({
      validation,
      expression: compiler.compile(validation.expression, [boolType]),
      ...(validation.messageExpression ? { message: told.compile(validation.messageExpression, [stringType]) } : {}),
    })),
    annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      expression: compiler.compile(valueExpression, [stringType, nullType]),
    })),
  }
}

/** Refuses what policies refuse, warns and annotates as their bindings say. */
export function validatingPolicies(context: PolicyContext): AdmissionPlugin {
  const types = { policies: ValidatingAdmissionPolicies, bindings: ValidatingAdmissionPolicyBindings }
  const source = new PolicySource<Policy, Binding, Compiled>(types, context.objects, compileValidatingPolicy)
  return {
    name: 'ValidatingAdmissionPolicy',
    operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
    validate(attributes) {
      if (source.isEmpty || isBeyondPolicies(attributes)) return
      return new Review(context, attributes).run(source.bound)
    },
  }
}

interface Denial {
  readonly policy: Policy
  readonly binding?: Binding | undefined
  readonly message: string
  readonly reason?: string | undefined
}

/** What one expression of a policy came to. */
interface Decision {
  readonly denied: boolean
  /** Why it is denied; also what went wrong where that is forgiven. */
  readonly message: string
  readonly seconds?: number
  readonly reason?: string | undefined
}

interface Findings {
  readonly decisions: readonly Decision[]
  readonly annotations: readonly { readonly key: string; readonly value?: string; readonly error?: string }[]
}

/** One request on its way through the policies. */
class Review {
  readonly #context: PolicyContext
  readonly #attributes: AdmissionAttributes
  readonly #authorizer: Value
  readonly #denials: Denial[] = []
  /** Values of audit annotations, by their whole key. */
  readonly #annotations = new Map<string, Set<string>>()

  constructor(context: PolicyContext, attributes: AdmissionAttributes) {
    this.#context = context
    this.#attributes = attributes
    this.#authorizer = authorizerVariable(context.authorizer, attributes.user)
  }

  async run(bound: readonly BoundPolicy<Policy, Binding, Compiled>[]): Promise<void> {
    const labels = await policyLabels(bound, this.#attributes, this.#context.objects)
    for (const each of await invocations(bound, this.#attributes, labels, this.#context)) {
      if ('message' in each) {
        if (each.policy.spec.failurePolicy !== 'Ignore') this.#denials.push(each)
      } else this.#take(each, await this.#evaluate(each))
    }
    for (const [key, values] of this.#annotations) this.#attributes.annotate(key, [...values].join(', '))
    const [first] = this.#denials
    if (first !== undefined) throw denied(this.#attributes, first)
  }

  async #evaluate({ policy, compiled, match, params }: Invocation<Policy, Binding, Compiled>): Promise<Findings> {
    const namespace = await namespaceObject(this.#attributes, this.#context.objects)
    const objects = await objectsFor(this.#attributes, match)
    const input = requestVariables(this.#attributes, match, objects, {
      namespace,
      params,
      authorizer: this.#authorizer,
    })
    const failure = policy.spec.failurePolicy === 'Ignore' ? 'Ignore' : 'Fail'
    if (compiled.conditions.length > 0) {
      // Conditions do not see the namespace, and name the resource of the request itself.
      const own = requestVariables(this.#attributes, { ...match, resource: this.#attributes.resource }, objects, {
        params,
        authorizer: this.#authorizer,
      })
      const verdict = await evaluateConditions(compiled.conditions, new Evaluator(own, compiled.variables), failure)
      if (verdict.kind === 'unmet') return { decisions: [], annotations: [] }
      if (verdict.kind === 'failed') return broken(verdict.why, failure)
    }
    try {
      const { clock } = this.#context
      const decisions = await decide(compiled, () => new Evaluator(input, compiled.variables), failure, clock)
      const evaluator = new Evaluator(input, compiled.variables)
      return { decisions, annotations: await annotationsOf(compiled, evaluator, failure) }
    } catch (error) {
      if (error instanceof OutOfBudget) return broken(error.message, failure)
      throw error
    }
  }

  /** Does with findings as the binding says. */
  #take({ policy, binding }: Invocation<Policy, Binding, Compiled>, { decisions, annotations }: Findings): void {
    const actions = binding.spec.validationActions ?? []
    const { admissionMetrics: metrics } = this.#context
    for (const [index, { denied, message, reason, seconds = 0 }] of decisions.entries()) {
      const count = (action: EnforcementAction): void =>
        metrics?.checked(policy.metadata.name, binding.metadata.name, action, errorType(message), seconds)
      if (!denied) {
        if (message !== '') count('allow')
        continue
      }
      for (const action of actions) {
        count(action.toLowerCase() as EnforcementAction)
        if (action === 'Deny') this.#denials.push({ policy, binding, message, reason })
        else if (action === 'Audit') this.#audit(binding, index, message)
        else if (action === 'Warn') {
          const names = `'${policy.metadata.name}' with binding '${binding.metadata.name}'`
          this.#attributes.warn(`Validation failed for ValidatingAdmissionPolicy ${names}: ${message}`)
        }
      }
    }
    for (const { key, value, error } of annotations) {
      if (error !== undefined) {
        this.#denials.push({ policy, binding, message: error })
        metrics?.checked(policy.metadata.name, binding.metadata.name, 'deny', errorType(error), 0)
      } else if (value !== undefined) {
        const whole = `${policy.metadata.name}/${key}`
        const values = this.#annotations.get(whole) ?? new Set()
        this.#annotations.set(whole, values.add(value.slice(0, LONGEST_ANNOTATION)))
      }
    }
  }

  #audit({ metadata, spec }: Binding, expressionIndex: number, message: string): void {
    const { policyName: policy, validationActions } = spec
    const failure = { message, policy, binding: metadata.name, expressionIndex, validationActions }
    this.#attributes.annotate(FAILURE, JSON.stringify([failure]))
  }
}

const broken = (message: string, failurePolicy: 'Fail' | 'Ignore'): Findings => ({
  decisions: [{ denied: failurePolicy === 'Fail', message }],
  annotations: [],
})

async function decide(
  { rules }: Compiled,
  evaluator: () => Evaluator,
  failurePolicy: 'Fail' | 'Ignore',
  clock: Clock,
): Promise<Decision[]> {
  const budget: Budget = { left: RUNTIME_COST_BUDGET }
  const results: Evaluation[] = []
  const took: number[] = []
  const first = evaluator()
  for (const { expression } of rules) {
    const begun = clock.monotonic()
    results.push(await first.evaluate(expression, budget))
    took.push((clock.monotonic() - begun) / 1000)
  }
  const onError = failurePolicy === 'Fail'
  const messages = await messagesOf(rules, evaluator(), budget)
  return rules.map(({ validation }, index) => {
    const result = results[index]!
    const seconds = took[index]!
    if ('error' in result) return { denied: onError, message: result.error, seconds }
    if (typeof messages === 'string') {
      return { denied: onError, message: `failed messageExpression: ${messages}`, seconds }
    }
    if (result.value === true) return { denied: false, message: '' }
    const text = messages[index] || validation.message?.trim() || `failed expression: ${validation.expression.trim()}`
    return { denied: true, message: text, reason: validation.reason ?? 'Invalid', seconds }
  })
}

/** Under which kind of trouble a message is counted, as upstream tells it from the text (validating/errors.go). */
function errorType(message: string): string {
  if (message.startsWith('compilation')) return 'compile_error'
  return message.startsWith('validation failed due to running out of cost budget') ? 'out_of_budget' : 'invalid_error'
}

/** What the message expressions say, or why none of them can be heard. */
async function messagesOf(
  rules: readonly Rule[],
  evaluator: Evaluator,
  budget: Budget,
): Promise<readonly (string | undefined)[] | string> {
  const messages: (string | undefined)[] = []
  try {
    for (const { message } of rules) {
      const result = message && (await evaluator.evaluate(message, budget))
      messages.push(result === undefined || 'error' in result ? undefined : shownMessage(result.value))
    }
    return messages
  } catch (error) {
    if (error instanceof OutOfBudget) return error.message
    throw error
  }
}

function shownMessage(value: Value): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  return text.includes('\n') || Buffer.byteLength(text) > LONGEST_MESSAGE ? undefined : text
}

async function annotationsOf(
  { annotations }: Compiled,
  evaluator: Evaluator,
  failurePolicy: 'Fail' | 'Ignore',
): Promise<Findings['annotations']> {
  const budget: Budget = { left: RUNTIME_COST_BUDGET }
  const found: Findings['annotations'][number][] = []
  for (const { key, expression } of annotations) {
    const result = await evaluator.evaluate(expression, budget)
    if ('error' in result) found.push(failurePolicy === 'Fail' ? { key, error: result.error } : { key })
    else if (result.value === null) found.push({ key })
    else if (typeof result.value !== 'string') {
      const error = `valueExpression '${expression.text}' resulted in unsupported return type: ${typeOf(result.value).name}. Return type must be either string or null.`
      found.push({ key, error })
    } else found.push(result.value.trim() === '' ? { key } : { key, value: result.value.trim() })
  }
  return found
}

const CODES: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413 }

function denied(attributes: AdmissionAttributes, { policy, binding, message, reason = 'Invalid' }: Denial): Error {
  const names =
    binding === undefined
      ? `'${policy.metadata.name}'`
      : `'${policy.metadata.name}' with binding '${binding.metadata.name}'`
  const text = `ValidatingAdmissionPolicy ${names} denied request: ${message}`
  const { status } = refusal(attributes, text)
  const details = { ...status.details, causes: [{ message: text }] }
  return new StatusError({ ...status, message: status.message ?? '', code: CODES[reason] ?? 422, reason, details })
}
