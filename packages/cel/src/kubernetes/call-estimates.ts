import {
  add,
  type CallEstimate,
  type CallEstimator,
  type CostNode,
  fixed,
  multiply,
  type Range,
  REGEX_FACTOR,
  type SizeEstimator,
  STRING_FACTOR,
  scale,
  union,
  unknownRange,
} from '../check/cost-types.ts'
import { constantEstimate, literalInt, sizeOfNode } from '../ext/cost-helpers.ts'
import type { CelType } from '../types/type.ts'
import { selectorCost } from './selector-cost.ts'

const traversal = (size: Range): Range => scale(size, STRING_FACTOR)
const one = constantEstimate(1)

/** The elements of a list, reached by its path so that a schema can tell their size. */
function elementsOf(list: CostNode): CostNode | undefined {
  const type = list.type.params[0]
  return type && { type, path: list.path.length === 0 ? [] : [...list.path, '@items'] }
}

const isText = ({ kind }: CelType): boolean => kind === 'string' || kind === 'bytes'

/** One look at each element, and at each character of elements that are texts. */
const wholeTarget: CallEstimator = (_call, target, _args, sizes) => {
  if (target === undefined) return undefined
  const size = sizeOfNode(target, sizes)
  const element = elementsOf(target)
  if (element === undefined) return { cost: traversal(size) }
  if (!isText(element.type)) return { cost: multiply(size, fixed(1)) }
  return { cost: multiply(size, add(fixed(1), traversal(sizeOfNode(element, sizes)))) }
}

const firstOnce: CallEstimator = (_call, _target, args, sizes) =>
  args[0] && { cost: traversal(sizeOfNode(args[0], sizes)) }

const asLongAsFirst: CallEstimator = (_call, _target, args, sizes) => sameLength(args[0], sizes)
const asLongAsTarget: CallEstimator = (_call, target, _args, sizes) => sameLength(target, sizes)

function sameLength(node: CostNode | undefined, sizes: SizeEstimator): CallEstimate | undefined {
  if (node === undefined) return undefined
  const size = sizeOfNode(node, sizes)
  return { cost: traversal(size), resultSize: size }
}

const replace: CallEstimator = (_call, target, args, sizes) => {
  if (target === undefined || args.length < 2) return undefined
  const size = sizeOfNode(target, sizes)
  const [part, by] = [sizeOfNode(args[0]!, sizes), sizeOfNode(args[1]!, sizes)]
  const longest = replaced(size.max, part.min, by.max <= part.min)
  const shortest = replaced(size.min, part.max, part.max <= by.min)
  const count = { min: shortest.count, max: longest.count }
  const kept = { min: shortest.kept, max: longest.kept }
  return { cost: scale(size, 2 * STRING_FACTOR), resultSize: add(multiply(count, by), kept) }
}

/** How often a part of a text is replaced at most (or at least), and how much of the text counts besides. */
function replaced(size: number, part: number, keepsLength: boolean): { count: number; kept: number } {
  if (part === 0) return { count: size + 1, kept: size }
  if (keepsLength) return { count: 0, kept: size }
  return { count: Math.ceil(size / part), kept: 0 }
}

const split: CallEstimator = (_call, target, args, sizes) => {
  if (target === undefined) return undefined
  const size = sizeOfNode(target, sizes)
  const most = args.length > 1 ? literalInt(args[1]!) : undefined
  return { cost: scale(size, 2 * STRING_FACTOR), resultSize: { min: 0, max: most ?? size.max } }
}

const join: CallEstimator = (_call, target, args, sizes) => {
  if (target === undefined) return undefined
  const list = sizeOfNode(target, sizes)
  const element = elementsOf(target)
  let size = element === undefined ? fixed(0) : multiply(list, sizeOfNode(element, sizes))
  if (args.length > 0) {
    const separators = { min: Math.max(list.min - 1, 0), max: Math.max(list.max - 1, 0) }
    size = add(size, multiply(sizeOfNode(args[0]!, sizes), separators))
  }
  return { cost: traversal(size), resultSize: size }
}

const find: CallEstimator = (_call, target, args, sizes) => {
  if (target === undefined || args.length === 0) return undefined
  const size = sizeOfNode(target, sizes)
  const cost = multiply(traversal(add(size, fixed(1))), scale(sizeOfNode(args[0]!, sizes), REGEX_FACTOR))
  return { cost, resultSize: { min: 0, max: size.max } }
}

/** Addresses have 4 or 16 bytes. */
const ADDRESS: Range = { min: 4, max: 16 }

const contains =
  (parsedOverload: string, masked: boolean): CallEstimator =>
  ({ overload }, _target, args, sizes) => {
    let cost = traversal(add(ADDRESS, ADDRESS))
    if (masked) cost = add(add(cost, traversal(ADDRESS)), fixed(1))
    if (overload === parsedOverload) cost = add(cost, traversal(sizeOfNode(args[0]!, sizes)))
    return { cost }
  }

/** The longest pattern that a named format may have. */
const LONGEST_NAMED_PATTERN = 128
/** The longest name of a format. */
const LONGEST_FORMAT = 64

const validate: CallEstimator = (_call, _target, args, sizes) =>
  args[0] && { cost: scale(traversal(sizeOfNode(args[0], sizes)), LONGEST_NAMED_PATTERN * REGEX_FACTOR) }

const cheapEquality = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
  'kubernetes.authorization.Authorizer',
  'kubernetes.authorization.PathCheck',
  'kubernetes.authorization.GroupCheck',
  'kubernetes.authorization.ResourceCheck',
  'kubernetes.authorization.Decision',
])

const equality: CallEstimator = (_call, _target, [left, right]) => {
  if (left === undefined || left.type.name !== right?.type.name) return undefined
  if (cheapEquality.has(left.type.name)) return { cost: fixed(1) }
  if (left.type.name === 'kubernetes.NamedFormat') return { cost: traversal({ min: 1, max: LONGEST_FORMAT }) }
  if (left.type.name !== 'kubernetes.URL') return undefined
  const size = right.size === undefined ? fixed(1) : union(right.size, right.size)
  return { cost: traversal({ min: 1, max: size.max }) }
}

const same = (names: string, estimate: CallEstimator): [string, CallEstimator][] =>
  names.split(' ').map(name => [name, estimate])

/** Costs of calls before they are made. Facts: apiserver pkg/cel/library/cost.go (EstimateCallCost). */
export const kubernetesCallEstimates: Readonly<Record<string, CallEstimator>> = Object.fromEntries([
  ...same('check', constantEstimate(350_000)),
  ...same('serviceAccount path group resource subresource namespace name allowed reason error errored', one),
  ...same('fieldSelector labelSelector', (_call, _target, args, sizes) =>
    args.length === 1 ? { cost: selectorCost(sizeOfNode(args[0]!, sizes)) } : undefined,
  ),
  ...same('isSorted sum max min indexOf lastIndexOf', wholeTarget),
  ...same('url jsonpatch.escapeKey', asLongAsFirst),
  ...same('lowerAscii upperAscii substring trim', asLongAsTarget),
  ...same('replace', replace),
  ...same('split', split),
  ...same('join', join),
  ...same('find findAll', find),
  ...same('cidr isIP isCIDR quantity isQuantity semver isSemver', firstOnce),
  ...same('ip', (call, target, args, sizes) =>
    call.overload === 'cidr_ip' ? { cost: fixed(1) } : firstOnce(call, target, args, sizes),
  ),
  ...same('ip.isCanonical', (_call, _target, args, sizes) => ({
    cost: scale(args[0] === undefined ? unknownRange : sizeOfNode(args[0], sizes), 2 * STRING_FACTOR),
  })),
  ...same('masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast', one),
  ...same('isLinkLocalUnicast isGlobalUnicast', one),
  ...same('containsIP', contains('cidr_contains_ip_string', false)),
  ...same('containsCIDR', contains('cidr_contains_cidr_string', true)),
  ...same('validate', validate),
  ...same('format.named', one),
  ...same('sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub', one),
  ...same('major minor patch', one),
  ...same('getScheme getHostname getHost getPort getEscapedPath getQuery', one),
  ...same('_==_', equality),
])
