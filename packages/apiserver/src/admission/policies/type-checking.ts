/**
 * Whether the expressions of a policy fit the kinds that it is for. Only warned about: a policy may be right all the same.
 * Behaviour: k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go.
 */
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '@canopus/api/admissionregistration/v1'
import { parseApiVersion } from '@canopus/apimachinery'
import {
  type CelType,
  type DeclType,
  declaredTypes,
  declareSchema,
  dynType,
  type Environment,
  type ValueSchema,
} from '@canopus/cel'
import { ExpressionCompiler } from '../expressions/compile.ts'
import { admissionEnvironment, type ExpressionPlace } from '../expressions/environment.ts'

export interface PolicyKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

/** Where kinds and their schemas are known. */
export interface KindSchemas {
  /** The kind of a resource; nothing where it is not served. */
  kindOf(group: string, version: string, resource: string): Promise<PolicyKind | undefined>
  /** Nothing where the kind is not known. */
  schemaOf(kind: PolicyKind): Promise<ValueSchema | undefined>
}

const MOST_KINDS = 10

/** What is wrong with the validations of a policy, kind by kind. */
export async function checkPolicyTypes(
  policy: ValidatingAdmissionPolicy,
  schemas: KindSchemas,
): Promise<ExpressionWarning[]> {
  const kinds: { kind: PolicyKind; object: DeclType | undefined }[] = []
  for (const kind of await kindsOf(policy, schemas)) {
    const schema = await schemas.schemaOf(kind)
    if (schema !== undefined) kinds.push({ kind, object: declareSchema(schema, true, kind.kind) })
  }
  const params = await paramsOf(policy, schemas)
  const compilers = kinds.map(({ kind, object }) => ({ kind, compiler: compilerFor(policy, object, params) }))
  const check = (text: string): string =>
    compilers
      .map(({ kind, compiler }) => ({ kind, problem: compiler.compile(text).problem }))
      .filter(({ problem }) => problem !== undefined)
      .map(({ kind, problem }) => `${kindText(kind)}: ${problem!.replace(/^compilation failed: /, '')}\n`)
      .join('\n')
  const warnings: ExpressionWarning[] = []
  for (const [index, validation] of (policy.spec.validations ?? []).entries()) {
    for (const field of ['expression', 'messageExpression'] as const) {
      const text = validation[field]
      const warning = text ? check(text) : ''
      if (warning !== '') warnings.push({ fieldRef: `spec.validations[${index}].${field}`, warning })
    }
  }
  return warnings
}

const kindText = ({ group, version, kind }: PolicyKind): string =>
  `${group === '' ? version : `${group}/${version}`}, Kind=${kind}`

/** The kinds that a policy names without a wildcard, in order; no more than can be checked in reasonable time. */
async function kindsOf(policy: ValidatingAdmissionPolicy, schemas: KindSchemas): Promise<PolicyKind[]> {
  const found = new Map<string, PolicyKind>()
  for (const rule of policy.spec.matchConstraints?.resourceRules ?? []) {
    const { apiGroups: groups = [], apiVersions: versions = [], resources = [] } = rule
    if ([...groups, ...versions].some(each => each.includes('*'))) continue
    const plain = resources.filter(each => !/[*/]/.test(each))
    for (const group of groups.toSorted()) {
      for (const version of versions.toSorted()) {
        for (const resource of plain.toSorted()) {
          const kind = await schemas.kindOf(group, version, resource)
          if (kind !== undefined && found.size < MOST_KINDS) found.set(kindText(kind), kind)
        }
      }
    }
  }
  const key = ({ group, version, kind }: PolicyKind): string => [group, version, kind].join('\0')
  return [...found.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

async function paramsOf(policy: ValidatingAdmissionPolicy, schemas: KindSchemas): Promise<DeclType | undefined> {
  const { apiVersion, kind } = policy.spec.paramKind ?? {}
  if (!apiVersion || !kind) return undefined
  const schema = await schemas.schemaOf({ ...parseApiVersion(apiVersion), kind })
  return schema && declareSchema(schema, true, kind)
}

/** Objects and parameters have the types of their schemas; all else is as when the policy is asked. */
function compilerFor(
  policy: ValidatingAdmissionPolicy,
  object: DeclType | undefined,
  params: DeclType | undefined,
): ExpressionCompiler {
  const type: CelType = object?.type ?? dynType
  const declared = [object, params].filter(each => each !== undefined)
  const base = (place: ExpressionPlace): Environment =>
    admissionEnvironment(place).extend({
      variables: { object: type, oldObject: type, ...(params ? { params: params.type } : {}) },
      libraries: [{ types: declaredTypes(...declared) }],
    })
  const compiler = new ExpressionCompiler({ params: params !== undefined, authorizer: true }, base)
  for (const { name, expression } of policy.spec.variables ?? []) compiler.addVariable(name, expression)
  return compiler
}
