import { type CallCost, fixed, REGEX_FACTOR, STRING_FACTOR } from '../check/cost-types.ts'
import { constantCost, traversal } from '../ext/cost-helpers.ts'
import { costSize } from '../plan/call-cost.ts'
import { ListValue } from '../values/list.ts'
import { MapValue } from '../values/map.ts'
import { OpaqueValue, type Value } from '../values/value.ts'
import { FormatValue } from './library/format.ts'
import { selectorCost } from './selector-cost.ts'

/** Cost of going through a value with everything in it. Strings count by their bytes, as upstream. */
function deepTraversal(value: Value): number {
  if (typeof value === 'string') return Math.floor(new TextEncoder().encode(value).length * STRING_FACTOR)
  if (value instanceof Uint8Array) return Math.floor(value.length * STRING_FACTOR)
  if (value instanceof ListValue)
    return value.toArray().reduce<number>((sum, element) => sum + deepTraversal(element), 0)
  if (!(value instanceof MapValue)) return 1
  return value.keys().reduce<number>((sum, key) => sum + deepTraversal(key) + deepTraversal(value.find(key)!), 0)
}

const wholeFirst: CallCost = (_call, args) => deepTraversal(args[0]!)
const firstOnce: CallCost = (_call, args) => traversal(costSize(args[0]!))
/** Going through the text and making something as long. */
const firstTwice: CallCost = (_call, args) => Math.ceil(costSize(args[0]!) * 2 * STRING_FACTOR)
const pattern = (text: Value, patternSize: number): number =>
  Math.ceil((1 + costSize(text)) * STRING_FACTOR) * Math.ceil(patternSize * REGEX_FACTOR)
const one = constantCost(1)

/** For what is inside a network: the other address is compared as far as the prefix goes. */
const contains =
  (parsedOverload: string, masked: boolean): CallCost =>
  ({ overload }, args) => {
    const size = costSize(args[0]!)
    const parsing = overload === parsedOverload ? traversal(costSize(args[1]!)) : 0
    return traversal(size + size) + (masked ? traversal(size) + 1 : 0) + parsing
  }

const same = (names: string, cost: CallCost): [string, CallCost][] => names.split(' ').map(name => [name, cost])

/** Costs of calls that were made. Facts: apiserver pkg/cel/library/cost.go (CallCost). */
export const kubernetesCallCosts: Readonly<Record<string, CallCost>> = Object.fromEntries([
  // An expression may ask the authorizer twice within the limit of one call.
  ...same('check', constantCost(350_000)),
  ...same('serviceAccount path group resource subresource namespace name allowed reason error errored', one),
  ...same('fieldSelector labelSelector', (_call, args) => selectorCost(fixed(costSize(args[1]!))).max),
  ...same('isSorted sum max min indexOf lastIndexOf', wholeFirst),
  ...same('url lowerAscii upperAscii substring trim jsonpatch.escapeKey', firstOnce),
  ...same('replace split', firstTwice),
  ...same('join', (_call, _args, result) => Math.ceil(costSize(result) * 2 * STRING_FACTOR)),
  ...same('find findAll', (_call, args) => pattern(args[0]!, costSize(args[1]!))),
  ...same('cidr isIP isCIDR', firstOnce),
  ...same('ip', (call, args, result) => (call.overload === 'cidr_ip' ? 1 : firstOnce(call, args, result))),
  ...same('ip.isCanonical', firstTwice),
  ...same('masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast', one),
  ...same('isLinkLocalUnicast isGlobalUnicast', one),
  ...same('containsIP', contains('cidr_contains_ip_string', false)),
  ...same('containsCIDR', contains('cidr_contains_cidr_string', true)),
  ...same('quantity isQuantity semver isSemver', firstOnce),
  ...same('validate', (_call, args) =>
    args[0] instanceof FormatValue ? pattern(args[1]!, args[0].patternSize) : undefined,
  ),
  ...same('format.named', one),
  ...same('sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub', one),
  ...same('major minor patch', one),
  ...same('getScheme getHostname getHost getPort getEscapedPath getQuery', one),
  ...same('_==_', (_call, args) => (args[0] instanceof OpaqueValue ? 1 : undefined)),
])
