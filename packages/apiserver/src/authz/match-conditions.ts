import type { SubjectAccessReview } from '@canopus/api/authorization/v1'
import type { Clock } from '@canopus/base'
import { compileExpression } from '../configuration/expressions.ts'
import type { WebhookMetrics } from '../metrics/authorization-metrics.ts'

/**
 * Whether an authorization webhook is to be asked: where all of its conditions hold. One that does not hold settles it, also
 * where others fail. Throws where one fails and none settles it. (k8s.io/apiserver pkg/authorization/cel/matcher.go)
 */
export function matchConditions(
  expressions: readonly string[],
  clock: Clock,
  metrics: WebhookMetrics,
): (review: SubjectAccessReview) => boolean {
  const compiled = expressions.map(each => compileExpression(each, 'request', 'bool'))
  return review => {
    const input = requestOf(review)
    const failures: unknown[] = []
    const begun = clock.monotonic()
    const excluded = compiled.some(condition => {
      try {
        return condition.evaluate(input) !== true
      } catch (error) {
        failures.push(error)
        return false
      }
    })
    metrics.matched((clock.monotonic() - begun) / 1000, failures.length > 0, excluded)
    if (excluded) return false
    if (failures.length > 0) throw failures[0]
    return true
  }
}

/** The question as expressions see it: texts that are not given are empty rather than missing. */
function requestOf({ spec }: SubjectAccessReview): unknown {
  const { user = '', groups = [], uid = '', extra = {}, resourceAttributes: asked, nonResourceAttributes: path } = spec
  const none = { namespace: '', verb: '', group: '', version: '', resource: '', subresource: '', name: '' }
  return {
    user,
    groups,
    uid,
    extra,
    ...(asked === undefined ? {} : { resourceAttributes: { ...none, ...asked } }),
    ...(path === undefined ? {} : { nonResourceAttributes: { path: path.path ?? '', verb: path.verb ?? '' } }),
  }
}
