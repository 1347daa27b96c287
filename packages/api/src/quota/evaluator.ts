import type { KubeObject, Quantity } from '@canopus/apimachinery'

/** Amounts by the names that a ResourceQuota uses (`pods`, `requests.cpu`, `count/jobs.batch`). */
export type QuotaAmounts = Map<string, Quantity>

/** One condition on the objects that a quota counts. */
export interface QuotaScope {
  scopeName: string
  operator: string
  values?: string[]
}

/** What quotas can say of one kind (k8s.io/apiserver/pkg/quota/v1 Evaluator). */
export interface QuotaEvaluator<T extends KubeObject = KubeObject> {
  /** Whether a quota's resource of this name speaks of this kind. */
  tracks(name: string): boolean
  /** What the object uses up. `now` is in milliseconds. */
  usage(object: T, now: number): QuotaAmounts
  /** Whether the object is of this scope; kinds without scopes are of none. */
  inScope(scope: QuotaScope, object: T): boolean
  /** What the object must say so that these resources can be counted; the text of what is missing. */
  missing?(tracked: readonly string[], object: T): string | undefined
}

/** Name of the plain count of a kind. */
export function countName(type: { group: string; plural: string }): string {
  return `count/${type.plural}${type.group === '' ? '' : `.${type.group}`}`
}

/** Whether an object with these classes, of one of which it has to be for `In`, is of the scope. */
export function hasClass({ operator, values = [] }: QuotaScope, classes: readonly string[]): boolean {
  switch (operator) {
    case 'Exists':
      return classes.length > 0
    case 'DoesNotExist':
      return classes.length === 0
    case 'In':
      return classes.some(each => values.includes(each))
    case 'NotIn':
      return classes.length === 0 || classes.some(each => !values.includes(each))
    default:
      return false
  }
}
