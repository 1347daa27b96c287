import type { Library } from '../environment.ts'
import { MacroError } from '../syntax/builder.ts'
import type { Macro } from '../syntax/macro.ts'

/** `cel.bind(name, value, expression)`: the value is worked out once, when it is first looked at. */
const bind: Macro = {
  name: 'bind',
  args: 3,
  receiver: true,
  expand(build, target, args) {
    if (target?.kind !== 'ident' || target.name !== 'cel') return undefined
    const name = args[0]!
    if (name.kind !== 'ident') {
      throw new MacroError(name.id, 'cel.bind() variable names must be simple identifiers')
    }
    return build.loop({
      range: build.list(),
      iterVar: '#unused',
      accuVar: name.name,
      accuInit: args[1]!,
      condition: build.literal(false),
      step: build.ident(name.name),
      result: args[2]!,
    })
  },
}

/** Local variables. Kubernetes' environment does not have them. Behaviour: cel-go ext/bindings.go. */
export const bindingsLibrary: Library = { macros: [bind] }
