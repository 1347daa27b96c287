/** MutatingAdmissionPolicy (k8s.io/apiserver/pkg/admission/plugin/policy/mutating/{dispatcher,compilation}.go). */
import { MutatingAdmissionPolicies, MutatingAdmissionPolicyBindings } from '@canopus/api'
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from '@canopus/api/admissionregistration/v1'
import { deepEqual, type KubeObject, StatusError } from '@canopus/apimachinery'
import { boolType, listOf, RUNTIME_COST_BUDGET, structType, type Value } from '@canopus/cel'
import type { AdmissionAttributes, AdmissionPlugin } from '../../security.ts'
import { type Expression, ExpressionCompiler, type NamedExpression } from '../expressions/compile.ts'
import { Evaluator, OutOfBudget } from '../expressions/evaluate.ts'
import { authorizerVariable, namespaceObject, requestVariables } from '../expressions/input.ts'
import { evaluateConditions } from '../expressions/match-conditions.ts'
import { isBeyondPolicies, type Match } from '../matching/rules.ts'
import { Rounds, replaceContent } from '../rounds.ts'
import { refusal } from '../shared.ts'
import { objectsFor } from '../webhooks/ask.ts'
import { type Invocation, invocations, type Misconfiguration, type PolicyContext, policyLabels } from './context.ts'
import { MutationError, mutated } from './mutation.ts'
import { type BoundPolicy, PolicySource } from './source.ts'

const NAME = 'MutatingAdmissionPolicy'

type Policy = MutatingAdmissionPolicy
type Binding = MutatingAdmissionPolicyBinding

interface Compiled {
  readonly conditions: readonly Expression[]
  readonly variables: readonly NamedExpression[]
  readonly mutations: readonly { readonly patchType: Mutation['patchType']; readonly expression: Expression }[]
}

/** Compiles all expressions of a policy; what is wrong with one shows when it is to be evaluated. */
export function compileMutatingPolicy({ spec }: Policy): Compiled {
  const compiler = new ExpressionCompiler({ params: spec.paramKind !== undefined, authorizer: true })
  for (const { name, expression } of spec.variables ?? []) compiler.addVariable(name, expression)
  return {
    conditions: (spec.matchConditions ?? []).map(({ expression }) => compiler.compile(expression, [boolType])),
    variables: compiler.variables,
    mutations: (spec.mutations ?? []).map(({ patchType, jsonPatch, applyConfiguration }) => ({
      patchType,
      expression:
        patchType === 'JSONPatch'
          ? compiler.compile(jsonPatch?.expression ?? '', [listOf(structType('JSONPatch'))], true)
          : compiler.compile(applyConfiguration?.expression ?? '', [structType('Object')], true),
    })),
  }
}

/** Changes objects as policies say. */
export function mutatingPolicies(context: PolicyContext): AdmissionPlugin {
  const types = { policies: MutatingAdmissionPolicies, bindings: MutatingAdmissionPolicyBindings }
  const source = new PolicySource<Policy, Binding, Compiled>(types, context.objects, compileMutatingPolicy)
  return {
    name: NAME,
    operations: ['CREATE', 'UPDATE', 'CONNECT'],
    mutate(attributes) {
      if (source.isEmpty || isBeyondPolicies(attributes)) return
      return new Mutations(context, attributes).run(source.bound)
    },
  }
}

interface Problem extends Misconfiguration<Policy, Binding> {
  readonly reason?: string
}

/** One request on its way through the policies. */
class Mutations {
  readonly #context: PolicyContext
  readonly #attributes: AdmissionAttributes
  readonly #authorizer: Value
  readonly #problems: Problem[] = []

  constructor(context: PolicyContext, attributes: AdmissionAttributes) {
    this.#context = context
    this.#attributes = attributes
    this.#authorizer = authorizerVariable(context.authorizer, attributes.user)
  }

  async run(bound: readonly BoundPolicy<Policy, Binding, Compiled>[]): Promise<void> {
    const attributes = this.#attributes
    const labels = await policyLabels(bound, attributes, this.#context.objects)
    const rounds = Rounds.begin(NAME, attributes)
    // What a policy does to the object must not decide which of them it matches.
    for (const each of await invocations(bound, attributes, labels, this.#context)) {
      if ('message' in each) this.#problems.push(each)
      else await this.#invoke(each, rounds)
    }
    rounds.end(attributes.object)
    const serious = this.#problems.filter(({ policy }) => policy.spec.failurePolicy !== 'Ignore')
    if (serious.length > 0) throw denied(attributes, serious)
  }

  async #invoke(invocation: Invocation<Policy, Binding, Compiled>, rounds: Rounds): Promise<void> {
    const { policy, binding, params } = invocation
    if (!(await this.#conditionsHold(invocation))) return
    const parameter = params === undefined ? '' : `${params.metadata.namespace ?? ''}/${params.metadata.name}`
    const id = `${policy.metadata.name}/${binding.metadata.name}/${parameter}`
    if (rounds.skips(id)) return
    const changed = await this.#mutate(invocation)
    rounds.called(id, { changed, wantsMore: policy.spec.reinvocationPolicy === 'IfNeeded' })
  }

  async #conditionsHold({
    policy,
    binding,
    compiled,
    match,
    params,
  }: Invocation<Policy, Binding, Compiled>): Promise<boolean> {
    if (compiled.conditions.length === 0) return true
    const attributes = this.#attributes
    const own = { ...match, resource: attributes.resource }
    const input = requestVariables(attributes, own, await objectsFor(attributes, match), {
      params,
      authorizer: this.#authorizer,
    })
    const failure = policy.spec.failurePolicy === 'Ignore' ? 'Ignore' : 'Fail'
    const verdict = await evaluateConditions(compiled.conditions, new Evaluator(input, compiled.variables), failure)
    if (verdict.kind === 'failed') this.#problems.push({ policy, binding, message: verdict.why, reason: 'Invalid' })
    return verdict.kind === 'met'
  }

  /** Whether the mutations of the policy have changed the object. */
  async #mutate(invocation: Invocation<Policy, Binding, Compiled>): Promise<boolean> {
    const { policy, binding, compiled, match } = invocation
    let changed = false
    for (const { patchType, expression } of compiled.mutations) {
      const { object } = await objectsFor(this.#attributes, match)
      if (object === undefined) return false
      try {
        const value = await this.#evaluate(expression, invocation)
        const next = mutated(patchType, object, value, match.kind, this.#attributes.versions)
        if (deepEqual(next, object)) continue
        changed = true
        await this.#put(next, match)
      } catch (error) {
        if (!(error instanceof MutationError)) throw error
        this.#problems.push({ policy, binding, message: error.message, reason: 'Invalid' })
      }
    }
    return changed
  }

  async #put(next: KubeObject, { kind }: Match): Promise<void> {
    const { object, kind: own, versions } = this.#attributes
    const same = kind.group === own.group && kind.version === own.version
    replaceContent(object!, same ? next : await versions.convert(next, own))
  }

  /** Each mutation sees what the ones before it have changed. */
  async #evaluate(
    expression: Expression,
    { compiled, match, params }: Invocation<Policy, Binding, Compiled>,
  ): Promise<Value> {
    if (expression.problem !== undefined) throw new MutationError(expression.problem)
    const attributes = this.#attributes
    const input = requestVariables(attributes, match, await objectsFor(attributes, match), {
      namespace: await namespaceObject(attributes, this.#context.objects),
      params,
      authorizer: this.#authorizer,
    })
    try {
      const budget = { left: RUNTIME_COST_BUDGET }
      const result = await new Evaluator(input, compiled.variables).evaluate(expression, budget)
      if ('error' in result) throw new MutationError(result.error)
      return result.value
    } catch (error) {
      throw error instanceof OutOfBudget ? new MutationError(error.message) : error
    }
  }
}

function denied(attributes: AdmissionAttributes, problems: readonly Problem[]): StatusError {
  const texts = problems.map(({ policy, binding, message }) =>
    binding === undefined
      ? `policy ${JSON.stringify(policy.metadata.name)} denied request: ${message}`
      : `policy '${policy.metadata.name}' with binding '${binding.metadata.name}' denied request: ${message}`,
  )
  const { status } = refusal(attributes, '')
  const reason = problems[0]!.reason ?? status.reason ?? ''
  const details = { ...status.details, causes: texts.map(message => ({ message })) }
  return new StatusError({ ...status, message: texts[0]!, reason, details })
}
