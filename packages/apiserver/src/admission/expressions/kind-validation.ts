/** Expressions of webhooks, policies and selectors of devices must compile when they are written (pkg/apis/admissionregistration/validation/validation.go). */
import { type Kind, withExtraChecks } from '@canopus/api'
import type {
  MatchCondition,
  MutatingAdmissionPolicy,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingWebhookConfiguration,
} from '@canopus/api/admissionregistration/v1'
import type { DeviceClass, ResourceClaim, ResourceClaimTemplate } from '@canopus/api/resource/v1'
import { deepEqual, type FieldError, invalid, type KubeObject } from '@canopus/apimachinery'
import { boolType, type CelType, listOf, nullType, stringType, structType } from '@canopus/cel'
import { compileExpression, type Expression, ExpressionCompiler } from './compile.ts'
import { claimFindings, claimTemplateFindings, deviceClassFindings } from './device-selectors.ts'
import { admissionEnvironment } from './environment.ts'

type Check = (object: KubeObject) => FieldError[]

const CHECKS: Readonly<Record<string, Check>> = {
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': object =>
    webhookFindings(object as MutatingWebhookConfiguration),
  'admissionregistration.k8s.io/validatingwebhookconfigurations': object =>
    webhookFindings(object as ValidatingWebhookConfiguration),
  'admissionregistration.k8s.io/validatingadmissionpolicies': object =>
    validatingFindings(object as ValidatingAdmissionPolicy),
  'admissionregistration.k8s.io/mutatingadmissionpolicies': object =>
    mutatingFindings(object as MutatingAdmissionPolicy),
  'resource.k8s.io/deviceclasses': object => deviceClassFindings(object as DeviceClass),
  'resource.k8s.io/resourceclaims': object => claimFindings(object as ResourceClaim),
  'resource.k8s.io/resourceclaimtemplates': object => claimTemplateFindings(object as ResourceClaimTemplate),
}

/** The built-in kind, which then compiles the expressions of its objects too. Kinds without expressions stay as they are. */
export function withExpressionValidation(kind: Kind): Kind {
  const check = CHECKS[`${kind.type.group}/${kind.type.plural}`]
  if (check === undefined) return kind
  // What was let in once stays.
  return withExtraChecks(kind, {
    create: check,
    update: (object, old) => (sameExpressions(object, old) ? [] : check(object)),
  })
}

function sameExpressions(object: KubeObject, old: KubeObject): boolean {
  const parts = (each: KubeObject): unknown => {
    const { spec, webhooks } = each as KubeObject & { spec?: unknown; webhooks?: unknown }
    return [spec, webhooks]
  }
  return deepEqual(parts(object), parts(old))
}

/** The findings about one object. Texts that are empty are reported elsewhere. */
class Findings {
  readonly errors: FieldError[] = []

  add(path: string, text: string | undefined, compile: (text: string) => Expression): void {
    if (text === undefined || text.trim() === '') return
    const { problem } = compile(text)
    if (problem !== undefined) this.errors.push(invalid(path, text, problem))
  }

  conditions(
    path: string,
    conditions: readonly MatchCondition[] | undefined,
    compile: (text: string) => Expression,
  ): void {
    for (const [index, { expression = '' }] of (conditions ?? []).entries())
      this.add(`${path}[${index}].expression`, expression.trim(), compile)
  }
}

function webhookFindings({
  webhooks = [],
}: {
  webhooks?: readonly { matchConditions?: readonly MatchCondition[] }[]
}): FieldError[] {
  const findings = new Findings()
  const environment = admissionEnvironment({ params: false, authorizer: true })
  for (const [index, { matchConditions }] of webhooks.entries()) {
    const path = `webhooks[${index}].matchConditions`
    findings.conditions(path, matchConditions, text => compileExpression(environment, text, [boolType]))
  }
  return findings.errors
}

type Compiler = Pick<ExpressionCompiler, 'compile'>

/** A compiler with the policy's variables, whose own findings are added. Where there are none, nobody knows `variables`. */
function variablesOf(
  findings: Findings,
  spec: ValidatingAdmissionPolicy['spec'] | MutatingAdmissionPolicy['spec'],
  authorizer = true,
): Compiler {
  const params = spec.paramKind !== undefined
  if ((spec.variables ?? []).length === 0) {
    return {
      compile: (text, results, patches = false) =>
        compileExpression(admissionEnvironment({ params, authorizer, patches }), text, results),
    }
  }
  const compiler = new ExpressionCompiler({ params, authorizer })
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    if (!name) continue
    findings.add(`spec.variables[${index}].expression`, expression, text => compiler.addVariable(name, text))
  }
  return compiler
}

/** Conditions come before the variables, and may not use them when they are written. */
function conditionOf({ paramKind }: { readonly paramKind?: unknown }): (text: string) => Expression {
  const environment = admissionEnvironment({ params: paramKind !== undefined, authorizer: true })
  return text => compileExpression(environment, text, [boolType])
}

function validatingFindings({ spec }: ValidatingAdmissionPolicy): FieldError[] {
  const findings = new Findings()
  findings.conditions('spec.matchConditions', spec.matchConditions, conditionOf(spec))
  const compiler = variablesOf(findings, spec)
  const told = variablesOf(new Findings(), spec, false)
  const of =
    (by: Compiler, ...results: CelType[]) =>
    (text: string): Expression =>
      by.compile(text, results)
  for (const [index, { expression, messageExpression }] of (spec.validations ?? []).entries()) {
    const at = `spec.validations[${index}]`
    findings.add(`${at}.expression`, expression, of(compiler, boolType))
    findings.add(`${at}.messageExpression`, messageExpression, of(told, stringType))
  }
  for (const [index, { valueExpression }] of (spec.auditAnnotations ?? []).entries()) {
    // What stands around it does not count.
    const compile = of(compiler, stringType, nullType)
    findings.add(`spec.auditAnnotations[${index}].valueExpression`, valueExpression, text => compile(text.trim()))
  }
  return findings.errors
}

function mutatingFindings({ spec }: MutatingAdmissionPolicy): FieldError[] {
  const findings = new Findings()
  findings.conditions('spec.matchConditions', spec.matchConditions, conditionOf(spec))
  const compiler = variablesOf(findings, spec)
  for (const [index, { patchType, jsonPatch, applyConfiguration }] of (spec.mutations ?? []).entries()) {
    const at = `spec.mutations[${index}]`
    const compile = (result: CelType) => (text: string) => compiler.compile(text, [result], true)
    if (patchType === 'JSONPatch') {
      findings.add(
        `${at}.jsonPatch.expression`,
        jsonPatch?.expression?.trim(),
        compile(listOf(structType('JSONPatch'))),
      )
    } else if (patchType === 'ApplyConfiguration') {
      const expression = applyConfiguration?.expression?.trim()
      findings.add(`${at}.applyConfiguration.expression`, expression, compile(structType('Object')))
    }
  }
  return findings.errors
}
