/** Expressions that select devices (k8s.io/dynamic-resource-allocation/cel/compile.go). */
import type { SizeEstimator } from '../check/cost-types.ts'
import type { Environment } from '../environment.ts'
import { bindingsLibrary } from '../ext/bindings.ts'
import type { Program } from '../program.ts'
import { anyType, boolType, formatType, mapOf, stringType, structType } from '../types/type.ts'
import { kubernetesEnvironment } from './environment.ts'
import { quantityType } from './library/quantity.ts'
import type { DeclType } from './schema.ts'

/** What one evaluation may cost (CELSelectorExpressionMaxCost). */
export const DEVICE_COST_LIMIT = 1_000_000

const DEVICE = 'kubernetes.DRADevice'
const LONGEST_DOMAIN = 63
const LONGEST_ID = 32
const LONGEST_DRIVER = 63
const LONGEST_ATTRIBUTE = 64
/** So many attributes and capacities of a device there may be. */
const MOST = 32

const sized = (type: DeclType['type'], maxElements: number, more: Partial<DeclType> = {}): DeclType => ({
  type,
  maxElements,
  minSize: 0,
  ...more,
})
const table = (key: number, element: DeclType): DeclType =>
  sized(mapOf(stringType, element.type), MOST, { key: sized(stringType, key), element })

const attribute = sized(anyType, LONGEST_ATTRIBUTE)
const fields: ReadonlyMap<string, DeclType> = new Map([
  ['driver', sized(stringType, LONGEST_DRIVER)],
  ['attributes', table(LONGEST_DOMAIN, table(LONGEST_ID, attribute))],
  ['capacity', table(LONGEST_DOMAIN, table(LONGEST_ID, sized(quantityType, 0)))],
  ['allowMultipleAllocations', sized(boolType, 1)],
])
const device = sized(structType(DEVICE), 0, { fields })

const environment: Environment = kubernetesEnvironment.extend({
  variables: { device: device.type },
  libraries: [
    bindingsLibrary,
    {
      types: {
        findType: name => (name === DEVICE ? device.type : undefined),
        findField: (name, field) => (name === DEVICE ? fields.get(field)?.type : undefined),
      },
    },
  ],
})

/** How large what is found in a device may be. All attributes are as large, whatever they are called. */
const sizes: SizeEstimator = ({ path }) => {
  if (path[0] !== 'device') return undefined
  let declared: DeclType | undefined = device
  for (const step of path.slice(1)) declared = declared && take(declared, step)
  return declared && { min: 0, max: declared.maxElements }
}

function take(declared: DeclType, step: string): DeclType | undefined {
  if (step === '@items' || step === '@values') return declared.element
  if (step === '@keys') return declared.key
  return declared.fields?.get(step) ?? (declared.element === attribute ? attribute : undefined)
}

export type DeviceSelector =
  | {
      readonly program: Program
      /** What an evaluation costs at most, as far as one can tell. */
      readonly maxCost: number
    }
  /** In upstream's words. */
  | { readonly error: string }

/** Compiles an expression about the variable `device`, which has to come to true or false. */
export function compileDeviceSelector(expression: string): DeviceSelector {
  const result = environment.compile(expression)
  if (!result.ok) return { error: `compilation failed: ${result.message}` }
  const { ast, outputType } = result
  // Not what `dyn` comes to, nor what is in a value that may be anything, as upstream.
  if (outputType.kind !== 'bool' && outputType.kind !== 'any') {
    return { error: `must evaluate to bool or the unknown type, not ${formatType(outputType)}` }
  }
  return { program: environment.program(ast), maxCost: environment.estimateCost(ast, sizes).max }
}
