/** What expressions of webhooks and admission policies may use (k8s.io/apiserver/pkg/admission/plugin/cel/compile.go). */
import {
  authorizerType,
  boolType,
  type CelType,
  dynType,
  type Environment,
  formatType,
  isExactType,
  kubernetesEnvironment,
  listOf,
  mapOf,
  PlanError,
  type Program,
  resourceCheckType,
  stringType,
  structType,
  type TypeProvider,
} from '@canopus/cel'

export const REQUEST_RESOURCE = 'authorizer.requestResource'

const structs = new Map<string, ReadonlyMap<string, CelType>>()

function struct(name: string, fields: Readonly<Record<string, CelType>>): CelType {
  structs.set(name, new Map(Object.entries(fields)))
  return structType(name)
}

const gvk = struct('kubernetes.GroupVersionKind', { group: stringType, version: stringType, kind: stringType })
const gvr = struct('kubernetes.GroupVersionResource', {
  group: stringType,
  version: stringType,
  resource: stringType,
})
const userInfo = struct('kubernetes.UserInfo', {
  username: stringType,
  uid: stringType,
  groups: listOf(stringType),
  extra: mapOf(stringType, listOf(stringType)),
})

/** An AdmissionRequest without its uid and objects: those are variables of their own. */
const requestType = struct('kubernetes.AdmissionRequest', {
  kind: gvk,
  resource: gvr,
  subResource: stringType,
  requestKind: gvk,
  requestResource: gvr,
  requestSubResource: stringType,
  name: stringType,
  namespace: stringType,
  operation: stringType,
  userInfo,
  dryRun: boolType,
  options: dynType,
})

const types: TypeProvider = {
  findType: name => (structs.has(name) ? structType(name) : undefined),
  findField: (name, field) => structs.get(name)?.get(field),
}

let made: Environment | undefined

/** The variables of match conditions: `object`, `oldObject`, `request`, `authorizer`. Made when the first expression comes. */
export function conditionEnvironment(): Environment {
  made ??= kubernetesEnvironment.extend({
    variables: {
      object: dynType,
      oldObject: dynType,
      request: requestType,
      authorizer: authorizerType,
      [REQUEST_RESOURCE]: resourceCheckType,
    },
    libraries: [{ types }],
  })
  return made
}

/** A program, or what is wrong with the expression. */
export type CompiledExpression = { readonly program: Program } | { readonly problem: string }

/** Compiles an expression that must be of one type. */
export function compileExpression(environment: Environment, text: string, type: CelType): CompiledExpression {
  const compiled = environment.compile(text)
  if (!compiled.ok) return { problem: `compilation failed: ${compiled.message}` }
  if (!isExactType(compiled.outputType, type)) {
    return { problem: `must evaluate to ${formatType(type)} but got ${formatType(compiled.outputType)}` }
  }
  try {
    return { program: environment.program(compiled.ast) }
  } catch (error) {
    if (error instanceof PlanError) return { problem: `program instantiation failed: ${error.message}` }
    throw error
  }
}
