/**
 * The part of JSONPath that definitions use for columns, scale and selectable fields
 * (k8s.io/client-go/util/jsonpath): names, indices, wildcards, filters with one comparison.
 */
import { isObject } from '@canopus/apimachinery'

type Step =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'every' }
  | { readonly kind: 'descend' }
  | { readonly kind: 'filter'; readonly path: readonly Step[]; readonly operator?: string; readonly value?: unknown }

/** What a path finds in an object, in order; nothing where it leads nowhere. */
export type JsonPath = (object: unknown) => unknown[]

const FILTER = /^\[\?\(@(.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*\)\]/
const NAME = /^(?:[^.[\]\\]|\\.)+/

/** Throws SyntaxError where the path is none. */
export function parseJsonPath(text: string): JsonPath {
  const steps = parseSteps(text.replace(/^\$/, ''), text)
  return object => walk([object], steps)
}

/** The names of a path that has nothing but names (`.spec.replicas`), or undefined. */
export function plainPath(text: string): string[] | undefined {
  try {
    const steps = parseSteps(text, text)
    const names = steps.map(step => (step.kind === 'name' ? step.name : undefined))
    return names.length > 0 && names.every(each => each !== undefined) ? (names as string[]) : undefined
  } catch {
    return undefined
  }
}

function parseSteps(text: string, whole: string): Step[] {
  const steps: Step[] = []
  let rest = text
  while (rest !== '') {
    const [step, length] = readStep(rest, whole)
    if (step !== undefined) steps.push(step)
    rest = rest.slice(length)
  }
  return steps
}

function readStep(rest: string, whole: string): [Step | undefined, number] {
  if (rest.startsWith('..')) return [{ kind: 'descend' }, rest[2] === '[' ? 2 : 1]
  if (rest.startsWith('.[') || rest === '.') return [undefined, 1]
  if (rest.startsWith('.*')) return [{ kind: 'every' }, 2]
  if (rest.startsWith('.')) {
    const name = NAME.exec(rest.slice(1))?.[0]
    if (name === undefined) throw new SyntaxError(`invalid path ${whole}`)
    return [{ kind: 'name', name: name.replaceAll(/\\(.)/g, '$1') }, name.length + 1]
  }
  if (rest.startsWith('[*]')) return [{ kind: 'every' }, 3]
  const index = /^\[(-?\d+)\]/.exec(rest)
  if (index !== null) return [{ kind: 'index', index: Number(index[1]) }, index[0].length]
  const quoted = /^\[(['"])(.*?)\1\]/.exec(rest)
  if (quoted !== null) return [{ kind: 'name', name: quoted[2]! }, quoted[0].length]
  const filter = FILTER.exec(rest)
  if (filter !== null) return [readFilter(filter, whole), filter[0].length]
  throw new SyntaxError(`invalid path ${whole}`)
}

function readFilter([, path, operator, value]: RegExpExecArray, whole: string): Step {
  const steps = parseSteps(path!, whole)
  return operator === undefined
    ? { kind: 'filter', path: steps }
    : { kind: 'filter', path: steps, operator, value: literal(value!) }
}

function literal(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/.exec(text)
  if (quoted !== null) return quoted[2]
  if (text === 'true' || text === 'false') return text === 'true'
  return Number(text)
}

function walk(values: unknown[], steps: readonly Step[]): unknown[] {
  let found = values
  for (const step of steps) found = found.flatMap(value => take(value, step))
  return found
}

function take(value: unknown, step: Step): unknown[] {
  switch (step.kind) {
    case 'name':
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : []
    case 'index': {
      const each: unknown = Array.isArray(value) ? value.at(step.index) : undefined
      return each === undefined ? [] : [each]
    }
    case 'every':
      return children(value)
    case 'descend':
      return [value, ...children(value).flatMap(each => take(each, step))]
    case 'filter':
      return (Array.isArray(value) ? value : []).filter(each => accepts(each, step))
  }
}

function accepts(value: unknown, { path, operator, value: wanted }: Extract<Step, { kind: 'filter' }>): boolean {
  const found = walk([value], path)
  if (operator === undefined) return found.length > 0
  return found.some(each => {
    switch (operator) {
      case '==':
        return each === wanted
      case '!=':
        return each !== wanted
      default: {
        if (typeof each !== typeof wanted || (typeof each !== 'number' && typeof each !== 'string')) return false
        const right = wanted as typeof each
        if (operator === '<') return each < right
        if (operator === '>') return each > right
        return operator === '<=' ? each <= right : each >= right
      }
    }
  })
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  return isObject(value) ? Object.values(value) : []
}
