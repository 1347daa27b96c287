/** The names that expressions of admission may use (k8s.io/apiserver/pkg/admission/plugin/cel/compile.go). */
import {
  authorizerType,
  boolType,
  type CelType,
  dynType,
  type Environment,
  intType,
  kubernetesEnvironment,
  listOf,
  mapOf,
  mutationLibrary,
  resourceCheckType,
  stringType,
  structType,
  type TypeProvider,
  timestampType,
} from '@canopus/cel'

export interface ExpressionPlace {
  /** Whether the policy has parameters. */
  readonly params: boolean
  /** Whether expressions may ask who may do what. */
  readonly authorizer: boolean
  /** Whether expressions make patches. */
  readonly patches?: boolean
}

type Fields = Readonly<Record<string, CelType>>

const texts = listOf(stringType)
const labels = mapOf(stringType, stringType)
const type = (name: string): CelType => structType(`kubernetes.${name}`)

/** Types written by hand, as upstream has them, `UID` included. */
const TYPES: Readonly<Record<string, Fields>> = {
  'kubernetes.GroupVersionKind': { group: stringType, version: stringType, kind: stringType },
  'kubernetes.GroupVersionResource': { group: stringType, version: stringType, resource: stringType },
  'kubernetes.UserInfo': { username: stringType, uid: stringType, groups: texts, extra: mapOf(stringType, texts) },
  'kubernetes.AdmissionRequest': {
    kind: type('GroupVersionKind'),
    resource: type('GroupVersionResource'),
    subResource: stringType,
    requestKind: type('GroupVersionKind'),
    requestResource: type('GroupVersionResource'),
    requestSubResource: stringType,
    name: stringType,
    namespace: stringType,
    operation: stringType,
    userInfo: type('UserInfo'),
    dryRun: boolType,
    options: dynType,
  },
  'kubernetes.Namespace': {
    metadata: type('NamespaceMetadata'),
    spec: type('NamespaceSpec'),
    status: type('NamespaceStatus'),
  },
  'kubernetes.NamespaceMetadata': {
    name: stringType,
    generateName: stringType,
    namespace: stringType,
    labels,
    annotations: labels,
    UID: stringType,
    creationTimestamp: timestampType,
    deletionGracePeriodSeconds: intType,
    deletionTimestamp: timestampType,
    generation: intType,
    resourceVersion: stringType,
    finalizers: texts,
  },
  'kubernetes.NamespaceSpec': { finalizers: texts },
  'kubernetes.NamespaceStatus': { conditions: listOf(type('NamespaceCondition')), phase: stringType },
  'kubernetes.NamespaceCondition': {
    status: stringType,
    type: stringType,
    lastTransitionTime: timestampType,
    message: stringType,
    reason: stringType,
  },
}

const provider = (types: Readonly<Record<string, Fields>>): TypeProvider => ({
  findType: name => (Object.hasOwn(types, name) ? structType(name) : undefined),
  findField: (name, field) =>
    Object.hasOwn(types, name) && Object.hasOwn(types[name]!, field) ? types[name]![field] : undefined,
})

const base = kubernetesEnvironment.extend({
  variables: {
    object: dynType,
    oldObject: dynType,
    namespaceObject: type('Namespace'),
    request: type('AdmissionRequest'),
  },
  libraries: [{ types: provider(TYPES) }],
})

const known = new Map<string, Environment>()

/** The environment of expressions at this place; the same one every time. */
export function admissionEnvironment({ params, authorizer, patches = false }: ExpressionPlace): Environment {
  const id = [params, authorizer, patches].join()
  let environment = known.get(id)
  if (environment === undefined) {
    const asking = { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType }
    environment = base.extend({
      variables: { ...(params ? { params: dynType } : {}), ...(authorizer ? asking : {}) },
      libraries: patches ? [mutationLibrary] : [],
    })
    known.set(id, environment)
  }
  return environment
}

const VARIABLES = 'kubernetes.variables'

/** The same with `variables`, whose fields have these types. */
export function withVariables(environment: Environment, variables: Readonly<Record<string, CelType>>): Environment {
  return environment.extend({
    variables: { variables: structType(VARIABLES) },
    libraries: [{ types: provider({ [VARIABLES]: variables }) }],
  })
}

/** What is known of the type of a variable: objects and what only functions know are left open, as upstream does. */
export function variableType(output: CelType | undefined): CelType {
  if (output === undefined) return dynType
  switch (output.kind) {
    case 'struct':
    case 'opaque':
    case 'type':
    case 'typeParam':
    case 'error':
      return dynType
    case 'list':
      return listOf(variableType(output.params[0]))
    case 'map':
      return mapOf(variableType(output.params[0]), variableType(output.params[1]))
    default:
      return output
  }
}
