import { type CelType, type Environment, formatType, isExactType, PlanError, type Program } from '@canopus/cel'
import { admissionEnvironment, type ExpressionPlace, variableType, withVariables } from './environment.ts'

/** An expression that was compiled, or what is wrong with it. */
export interface Expression {
  readonly text: string
  readonly program?: Program
  readonly problem?: string
  readonly outputType?: CelType
}

/** Compiles an expression. `results` are the types that it may have; any where none are given. */
export function compileExpression(
  environment: Environment,
  text: string,
  results: readonly CelType[] = [],
): Expression {
  const compiled = environment.compile(text)
  if (!compiled.ok) return { text, problem: `compilation failed: ${compiled.message}` }
  const { outputType } = compiled
  if (results.length > 0 && !results.some(each => isExactType(each, outputType))) {
    const wanted = results.map(protobufName)
    const names = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(' ')}]`
    return { text, problem: `must evaluate to ${names} but got ${protobufName(outputType)}` }
  }
  try {
    return { text, program: environment.program(compiled.ast), outputType }
  } catch (error) {
    if (!(error instanceof PlanError)) throw error
    return { text, problem: `program instantiation failed: ${error.message}` }
  }
}

/** The type as it is called in protobuf, which these messages show. */
const protobufName = (type: CelType): string =>
  formatType(type)
    .replace(/\bnull\b/g, 'null_type')
    .replace(/\b(?:timestamp|duration)\b/g, name => `google.protobuf.${name[0]!.toUpperCase()}${name.slice(1)}`)

export interface NamedExpression {
  readonly name: string
  readonly expression: Expression
}

/** The expressions of one policy: variables first, each of which sees the ones before it. */
export class ExpressionCompiler {
  readonly variables: NamedExpression[] = []
  readonly #types: Record<string, CelType> = {}
  readonly #environments = new Map<boolean, Environment>()
  readonly #place: ExpressionPlace
  readonly #base: (place: ExpressionPlace) => Environment

  constructor(place: ExpressionPlace, base: (place: ExpressionPlace) => Environment = admissionEnvironment) {
    this.#place = place
    this.#base = base
  }

  addVariable(name: string, text: string): Expression {
    const expression = this.compile(text)
    this.variables.push({ name, expression })
    this.#types[name] = variableType(expression.outputType)
    this.#environments.clear()
    return expression
  }

  compile(text: string, results: readonly CelType[] = [], patches = false): Expression {
    let environment = this.#environments.get(patches)
    if (environment === undefined) {
      environment = withVariables(this.#base({ ...this.#place, patches }), { ...this.#types })
      this.#environments.set(patches, environment)
    }
    return compileExpression(environment, text, results)
  }
}
