import type { Ast, CheckedAst } from '../ast.ts'
import { type FunctionDecl, func, type Overload } from '../check/declarations.ts'
import { Environment } from '../environment.ts'
import { bindingsLibrary } from '../ext/bindings.ts'
import { twoVariableLibrary } from '../ext/comprehensions.ts'
import { listsLibrary } from '../ext/lists.ts'
import { optionalsLibrary } from '../ext/optionals.ts'
import { setsLibrary } from '../ext/sets.ts'
import { stringsLibrary } from '../ext/strings.ts'
import { cidrLibrary } from '../kubernetes/library/cidr.ts'
import { ipLibrary } from '../kubernetes/library/ip.ts'
import { PlanError } from '../plan/planner.ts'
import { type CelType, formatType } from '../types/type.ts'
import type { Value } from '../values/value.ts'
import { readType, readValue, sameValue } from './case.ts'
import { type Message, messageOf, messagesOf, textOf } from './textproto.ts'

const base = new Environment({
  quotedFields: true,
  libraries: [
    stringsLibrary(4),
    listsLibrary,
    setsLibrary,
    optionalsLibrary,
    bindingsLibrary,
    twoVariableLibrary,
    ipLibrary,
    cidrLibrary,
  ],
})

/** Runs one published test (SimpleTest). Gives what is wrong, or nothing where it passes. */
export function runCase(test: Message): string | undefined {
  const environment = environmentOf(test)
  const wantsError = test.eval_error !== undefined || test.any_eval_errors !== undefined
  const failed = (message: string): string | undefined => (wantsError ? undefined : message)
  const parsed = environment.parse(textOf(test, 'expr')!)
  if (parsed.ast === undefined) return failed(parsed.message)
  let ast: Ast | CheckedAst = parsed.ast
  if (textOf(test, 'disable_check') !== 'true') {
    const checked = environment.check(ast)
    if (!checked.ok) return failed(checked.message)
    const wrongType = compareTypes(test, checked.outputType)
    if (wrongType !== undefined) return wrongType
    ast = checked.ast
  }
  if (textOf(test, 'check_only') === 'true') return undefined
  try {
    const result = environment.program(ast).evaluate(bindingsOf(test))
    if (!result.ok) return failed(result.error.message)
    if (wantsError) return 'no error'
    return sameValue(result.value, expectedValue(test)) ? undefined : 'another value'
  } catch (error) {
    if (error instanceof PlanError) return failed(error.message)
    throw error
  }
}

function environmentOf(test: Message): Environment {
  const variables: Record<string, CelType> = {}
  const functions: FunctionDecl[] = []
  for (const declaration of messagesOf(test, 'type_env')) {
    const name = textOf(declaration, 'name')!
    const ident = messageOf(declaration, 'ident')
    const declared = messageOf(declaration, 'function')
    if (ident !== undefined) variables[name] = readType(messageOf(ident, 'type')!)
    if (declared !== undefined) functions.push(func(name, ...messagesOf(declared, 'overloads').map(readOverload)))
  }
  return base.extend({ variables, container: textOf(test, 'container') ?? '', libraries: [{ functions }] })
}

function readOverload(message: Message): Overload {
  return {
    id: textOf(message, 'overload_id')!,
    member: textOf(message, 'is_instance_function') === 'true',
    args: messagesOf(message, 'params').map(readType),
    result: readType(messageOf(message, 'result_type')!),
  }
}

function compareTypes(test: Message, actual: CelType): string | undefined {
  const expected = messageOf(messageOf(test, 'typed_result') ?? {}, 'deduced_type')
  if (expected === undefined) return undefined
  const [want, got] = [formatType(readType(expected)), formatType(actual)]
  return want === got ? undefined : `type ${got} instead of ${want}`
}

function bindingsOf(test: Message): Record<string, Value> {
  const bindings = messagesOf(test, 'bindings').map((binding): [string, Value] => [
    textOf(binding, 'key')!,
    readValue(messageOf(messageOf(binding, 'value')!, 'value')!),
  ])
  return Object.fromEntries(bindings)
}

/** Where nothing is said, the result is to be true. */
function expectedValue(test: Message): Value {
  const value = messageOf(test, 'value') ?? messageOf(messageOf(test, 'typed_result') ?? {}, 'result')
  return value === undefined ? true : readValue(value)
}
