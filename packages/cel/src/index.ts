/**
 * The Common Expression Language (CEL), with Kubernetes' libraries and costs.
 *
 * An `Environment` says which names an expression may use. `compile` reads and checks an expression in it, `program` makes it
 * ready to run, `evaluate` runs it. Keep environments and programs: making them costs a hundred times what running them does.
 *
 * **Rules of custom resources.** The schema of the place where the rule stands gives types, sizes and values:
 *
 * ```ts
 * const self = declareSchema(schema, isResourceRoot)       // undefined: no rule can look at it
 * const environment = kubernetesEnvironment.extend({
 *   variables: { self: self.type, oldSelf: self.type },      // oldSelf: optionalOf(self.type) with optionalOldSelf
 *   libraries: [{ types: declaredTypes(self) }],
 * })
 * const compiled = environment.compile('self.replicas <= self.maxReplicas')
 * if (!compiled.ok) refuse(`compilation failed: ${compiled.message}`)
 * if (compiled.outputType.kind !== 'bool') refuse('cel expression must evaluate to a bool')
 * const { max } = environment.estimateCost(compiled.ast, declaredSizes(self))
 * const program = environment.program(compiled.ast)          // throws PlanError: `program instantiation failed: ${message}`
 * const usesOldSelf = program.variables.includes('oldSelf')
 * const result = program.evaluate({ self: schemaValue(schema, value) }, { costLimit: PER_CALL_LIMIT })
 * ```
 *
 * `result.ok` is false where the expression itself failed (`error.message`); `CostExceeded` and `Interrupted` are thrown. Costs
 * of one object's rules add up to at most `RUNTIME_COST_BUDGET`. `maxCardinality` is what upstream multiplies a rule's cost by.
 *
 * **Policies, match conditions.** Objects without a schema are `fromJson(object)` with `dynType`. `variables.x` is a
 * `LazyMap` of functions that evaluate; its type is a struct of a `TypeProvider` with the variables' output types. Expressions of
 * mutating policies also have `mutationLibrary`; what they return becomes JSON by `toJson`. The variable `authorizer` is an
 * `authorizerValue(ask)` of type `authorizerType`; `ask` may answer later, and then the program must be run by
 * `evaluateAsync`, see docs/adr/0011-cel-waits-by-starting-again.md.
 *
 * **Claims of tokens, selectors of devices.** Declare the variables, and functions with `func`, `member`, `overload`; a
 * `TypeProvider` describes types that no schema does.
 *
 * Values are described in `values/value.ts`: ints are numbers or bigints, doubles are `Double`. Nothing that an evaluation
 * gives back may be changed, since it may be part of the object that went in.
 */
export type * from './ast.ts'
export type {
  CallCost,
  CallEstimate,
  CallEstimator,
  CostNode,
  Range,
  SizeEstimator,
} from './check/cost-types.ts'
export {
  type FunctionDecl,
  func,
  type Implementation,
  joinProviders,
  member,
  type Overload,
  overload,
  type TypeProvider,
} from './check/declarations.ts'
export {
  type AstValidator,
  type CompileResult,
  Environment,
  type EnvironmentOptions,
  type Library,
} from './environment.ts'
export { bindingsLibrary } from './ext/bindings.ts'
export { compileDeviceSelector, DEVICE_COST_LIMIT, type DeviceSelector } from './kubernetes/device.ts'
export {
  kubernetesEnvironment,
  PER_CALL_LIMIT,
  RUNTIME_COST_BUDGET,
  RUNTIME_COST_BUDGET_MATCH_CONDITIONS,
} from './kubernetes/environment.ts'
export { escapeFieldName, unescapeFieldName } from './kubernetes/field-names.ts'
export {
  type AskAuthorizer,
  type AuthorizationDecision,
  type AuthorizationQuestion,
  authorizerType,
  authorizerValue,
  type ParsedSelector,
  type ResourceTarget,
  requestResourceValue,
  resourceCheckType,
  type Subject,
} from './kubernetes/library/authorizer.ts'
export { mutationLibrary, objectTypeProblem } from './kubernetes/library/json-patch.ts'
export { QuantityValue, quantityType } from './kubernetes/library/quantity.ts'
export { parseSemver, SemverValue, semverType } from './kubernetes/library/semver.ts'
export {
  type DeclType,
  declaredSizes,
  declaredTypes,
  declareSchema,
  MAX_REQUEST_BYTES,
  maxCardinality,
  type ValueSchema,
  withResourceMeta,
} from './kubernetes/schema.ts'
export { schemaValue } from './kubernetes/schema-values.ts'
export { PlanError } from './plan/planner.ts'
export { type Activation, type EvaluateOptions, type EvaluateResult, Program } from './program.ts'
export { typesByName } from './stdlib/index.ts'
export { formatIssue, formatIssues, type Issue, type Location, Source } from './syntax/source.ts'
export * from './types/type.ts'
export { compare, equals } from './values/equality.ts'
export * from './values/error.ts'
export { fromJson, toJson } from './values/json.ts'
export { ArrayList, LazyList, ListValue } from './values/list.ts'
export { EntryMap, LazyMap, MapValue, RecordMap } from './values/map.ts'
export * from './values/time.ts'
export * from './values/value.ts'
