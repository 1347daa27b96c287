/**
 * The Common Expression Language (CEL), with Kubernetes' libraries and costs.
 *
 * An `Environment` says which names an expression may use. `compile` reads and checks an expression in it, `program` makes it
 * ready to run, `evaluate` runs it. Keep environments and programs: making them costs far more than running them.
 *
 * ```ts
 * const environment = new Environment({ variables: { self: schemaType(schema) }, libraries: [...] })
 * const compiled = environment.compile('self.replicas <= self.maxReplicas')
 * if (!compiled.ok) throw new Error(`compilation failed: ${compiled.message}`)
 * const program = environment.program(compiled.ast)
 * const result = program.evaluate({ self: schemaValue(schema, object) }, { costLimit: 1_000_000 })
 * if (result.ok) result.value === true
 * ```
 *
 * Values are described in `values/value.ts`, errors in `values/error.ts`. An error of the expression is a result
 * (`ok: false`); `CostExceeded` and `Interrupted` are thrown.
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
