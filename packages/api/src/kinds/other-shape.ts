/** Kinds in a version whose objects have another shape than the stable one: what the stable kind decides is asked of it. */
import type { KubeObject } from '@canopus/apimachinery'
import type { Kind, Strategy } from '../kind.ts'

/** Neither changes what it is given; `apiVersion` stays. */
export interface VersionShape {
  toStable(object: KubeObject): KubeObject
  fromStable(object: KubeObject): KubeObject
}

/** Those that change the object that they are given. */
const CHANGING: ReadonlySet<string> = new Set([
  'default',
  'completeStored',
  'prepareForCreate',
  'prepareForUpdate',
  'prepareForStatusUpdate',
])
/** Those that are about names. */
const OF_NAMES: ReadonlySet<string> = new Set(['validateName', 'validateGenerateName'])

const isObject = (value: unknown): value is KubeObject =>
  typeof value === 'object' && value !== null && 'metadata' in value

/** The kind's behaviour and looks for objects of this shape. */
export function inShape(kind: Kind, { toStable, fromStable }: VersionShape): Pick<Kind, 'strategy' | 'columns'> {
  const converted = (args: readonly unknown[]): unknown[] => args.map(each => (isObject(each) ? toStable(each) : each))
  const entries = Object.entries(kind.strategy).map(([name, decide]) => {
    if (typeof decide !== 'function' || OF_NAMES.has(name)) return [name, decide]
    const call = (...args: unknown[]): unknown => {
      const given = converted(args)
      const answer: unknown = decide.apply(kind.strategy, given)
      const [object] = args
      if (CHANGING.has(name) && isObject(object)) replace(object, fromStable(given[0] as KubeObject))
      return answer
    }
    return [name, call]
  })
  return {
    strategy: Object.fromEntries(entries) as Strategy,
    columns: kind.columns.map(column => ({
      ...column,
      value: (object: KubeObject, now: number) => column.value(toStable(object), now),
    })),
  }
}

function replace(object: KubeObject, by: KubeObject): void {
  for (const key of Object.keys(object)) if (!(key in by)) delete (object as unknown as Record<string, unknown>)[key]
  Object.assign(object, by)
}
