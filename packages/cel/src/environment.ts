import type { Ast, CheckedAst } from './ast.ts'
import { check } from './check/checker.ts'
import { estimateCost } from './check/cost.ts'
import type { CallCost, CallEstimator, Range, SizeEstimator } from './check/cost-types.ts'
import { type FunctionDecl, func, joinProviders, type TypeProvider } from './check/declarations.ts'
import { CallCosts } from './plan/call-cost.ts'
import { type Plan, plan } from './plan/planner.ts'
import { Program } from './program.ts'
import { standardFunctions, standardTypes } from './stdlib/index.ts'
import { crossTypeOverloads } from './stdlib/operators.ts'
import { type Macro, macroKey } from './syntax/macro.ts'
import { parse } from './syntax/parser.ts'
import { formatIssues, type Issue, Source } from './syntax/source.ts'
import { standardMacros } from './syntax/standard-macros.ts'
import { type CelType, dynType } from './types/type.ts'

/** Looks at a checked expression for what only shows when it runs, such as a duration that is none. */
export type AstValidator = (ast: CheckedAst, report: (exprId: number, message: string) => void) => void

/** Something that can be added to an environment. Names must not clash; overloads join those of the same function. */
export interface Library {
  readonly functions?: readonly FunctionDecl[]
  readonly macros?: readonly Macro[]
  readonly types?: TypeProvider
  readonly validators?: readonly AstValidator[]
  /** Costs of calls by the name of the function, unless the overload has one of its own. */
  readonly callCosts?: Readonly<Record<string, CallCost>>
  readonly callEstimates?: Readonly<Record<string, CallEstimator>>
}

export interface EnvironmentOptions {
  /** The namespace that names are looked up in first. */
  readonly container?: string
  readonly variables?: Readonly<Record<string, CelType>>
  readonly libraries?: readonly Library[]
  /** Literals of lists and maps need elements of one type. Default: false. */
  readonly homogeneousLiterals?: boolean
  /** `1 < 1.5` of types known before. Default: true. */
  readonly crossTypeComparisons?: boolean
  /** `a.?b` and the like. Default: true. */
  readonly optionalSyntax?: boolean
  /** `` a.`b` ``. Default: false. */
  readonly quotedFields?: boolean
  /** `has(a.b)` costs 1 more than looking at `a`. Default: true; Kubernetes: false. */
  readonly presenceTestHasCost?: boolean
  /** Literals of constants, and conversions of them, are made once and cost nothing when they run. Default: true. */
  readonly foldConstants?: boolean
}

/** What became of a text: a checked expression, or what is wrong with it. */
export type CompileResult =
  | { readonly ok: true; readonly ast: CheckedAst; readonly outputType: CelType }
  | {
      readonly ok: false
      readonly issues: readonly Issue[]
      /** The issues as clients see them behind "compilation failed: ". */
      readonly message: string
    }

/**
 * The names that an expression may use. Immutable and worth keeping: making one costs some 0.1 ms, `extend` much less.
 */
export class Environment {
  readonly #options: EnvironmentOptions
  readonly #names: Names
  readonly #variables: ReadonlyMap<string, CelType>
  readonly #provider: TypeProvider
  readonly #disabled: ReadonlySet<string>

  constructor(options: EnvironmentOptions = {}) {
    this.#options = options
    this.#names = collectNames(options.libraries ?? [])
    this.#variables = new Map(Object.entries(options.variables ?? {}))
    this.#provider = joinProviders([
      standardTypes,
      ...(options.libraries ?? []).flatMap(library => library.types ?? []),
    ])
    this.#disabled = new Set(options.crossTypeComparisons === false ? crossTypeOverloads : [])
  }

  /** The same with more: variables and libraries are added, other options replaced. */
  extend(more: EnvironmentOptions): Environment {
    return new Environment({
      ...this.#options,
      ...more,
      variables: { ...this.#options.variables, ...more.variables },
      libraries: [...(this.#options.libraries ?? []), ...(more.libraries ?? [])],
    })
  }

  /** Reads an expression without checking it. */
  parse(text: string): { readonly ast?: Ast; readonly issues: readonly Issue[]; readonly message: string } {
    const source = new Source(text)
    const { optionalSyntax = true, quotedFields = false } = this.#options
    const { ast, issues } = parse(source, { macros: this.#names.macros, optionalSyntax, quotedFields })
    return { ...(ast && { ast }), issues, message: formatIssues(issues, source) }
  }

  /** Finds types and references of a parsed expression and lets the libraries' validators look at it. */
  check(parsed: Ast): CompileResult {
    const { ast, issues } = check(parsed, {
      container: this.#options.container ?? '',
      variables: this.#variables,
      functions: this.#names.functions,
      provider: this.#provider,
      homogeneousLiterals: this.#options.homogeneousLiterals ?? false,
      disabledOverloads: this.#disabled,
    })
    if (issues.length === 0) issues.push(...this.#validate(ast))
    if (issues.length > 0) return { ok: false, issues, message: formatIssues(issues, parsed.source) }
    return { ok: true, ast, outputType: ast.types.get(ast.expr.id) ?? dynType }
  }

  #validate(ast: CheckedAst): Issue[] {
    const issues: Issue[] = []
    for (const validate of (this.#options.libraries ?? []).flatMap(library => library.validators ?? [])) {
      validate(ast, (exprId, message) => {
        issues.push({ message, exprId, location: ast.source.location(ast.positions.get(exprId) ?? 0) })
      })
    }
    return issues
  }

  /** Reads and checks an expression. */
  compile(text: string): CompileResult {
    const { ast, issues, message } = this.parse(text)
    return ast === undefined ? { ok: false, issues, message } : this.check(ast)
  }

  /** Makes an expression ready to run. Throws PlanError where a constant in it is wrong. */
  program(ast: Ast | CheckedAst): Program {
    return new Program(this.#plan(ast))
  }

  #plan(ast: Ast | CheckedAst): Plan {
    return plan(ast, {
      container: this.#options.container ?? '',
      functions: this.#names.functions,
      provider: this.#provider,
      costs: this.#names.costs,
      presenceTestHasCost: this.#options.presenceTestHasCost ?? true,
      foldConstants: this.#options.foldConstants ?? true,
    })
  }

  /** From how little to how much running the expression may cost. `sizes` knows how long what comes from outside may be. */
  estimateCost(ast: CheckedAst, sizes: SizeEstimator = () => undefined): Range {
    return estimateCost(ast, {
      sizes,
      functions: this.#names.functions,
      estimates: this.#names.estimates,
      presenceTestHasCost: this.#options.presenceTestHasCost ?? true,
    })
  }
}

/** What libraries declare, by name. */
interface Names {
  readonly functions: ReadonlyMap<string, FunctionDecl>
  readonly macros: ReadonlyMap<string, Macro>
  readonly costs: CallCosts
  readonly estimates: ReadonlyMap<string, CallEstimator>
}

/** Most environments extend another one by types only, and share its names. */
const knownNames = new WeakMap<Library, { libraries: readonly Library[]; names: Names }>()

function collectNames(all: readonly Library[]): Names {
  const libraries = all.filter(declaresNames)
  const [first] = libraries
  const known = first && knownNames.get(first)
  if (known?.libraries.length === libraries.length && known.libraries.every((each, i) => each === libraries[i])) {
    return known.names
  }
  const macros = [...standardMacros, ...libraries.flatMap(library => library.macros ?? [])]
  const names: Names = {
    functions: joinFunctions([...standardFunctions, ...libraries.flatMap(library => library.functions ?? [])]),
    macros: new Map(macros.map(macro => [macroKey(macro.name, macro.args, macro.receiver), macro])),
    costs: new CallCosts(new Map(libraries.flatMap(library => Object.entries(library.callCosts ?? {})))),
    estimates: new Map(libraries.flatMap(library => Object.entries(library.callEstimates ?? {}))),
  }
  if (first !== undefined && known === undefined) knownNames.set(first, { libraries, names })
  return names
}

const declaresNames = ({ functions, macros, callCosts, callEstimates }: Library): boolean =>
  functions !== undefined || macros !== undefined || callCosts !== undefined || callEstimates !== undefined

/** One declaration for each name, with the overloads of all. A later overload takes the place of one with the same id. */
function joinFunctions(declarations: readonly FunctionDecl[]): Map<string, FunctionDecl> {
  const joined = new Map<string, FunctionDecl>()
  for (const declaration of declarations) {
    const before = joined.get(declaration.name)?.overloads ?? []
    const ids = new Set(declaration.overloads.map(({ id }) => id))
    const kept = before.filter(({ id }) => !ids.has(id))
    joined.set(declaration.name, func(declaration.name, ...kept, ...declaration.overloads))
  }
  return joined
}
