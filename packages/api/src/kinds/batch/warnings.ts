import type { KubeObject } from '@canopus/apimachinery'
import type { CronJob, JobSpec } from '../../generated/batch.v1.ts'
import { templateWarnings } from '../apps/template-warnings.ts'

const MANY_COMPLETIONS = 100_000
const MUCH_PARALLELISM = 10_000

/** Warnings about a job's spec at `path` (k8s.io/kubernetes/pkg/api/job/warnings.go). */
export function jobWarnings<T extends KubeObject>(
  path: string,
  specOf: (object: T) => JobSpec | undefined,
): (object: T, old: T | undefined) => string[] {
  const template = templateWarnings<T>(`${path}.template`, object => specOf(object)?.template, { namesPods: true })
  return (object, old) => {
    const warnings = template(object, old)
    if (old !== undefined && object.metadata.generation === old.metadata.generation) return warnings
    const { completionMode, completions = 0, parallelism = 0 } = specOf(object) ?? {}
    if (completionMode === 'Indexed' && completions > MANY_COMPLETIONS && parallelism > MUCH_PARALLELISM) {
      const when = 'In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4'
      const what = 'Kubernetes might not be able to track completedIndexes when a big number of indexes fail'
      warnings.push(`${path}: ${when}, ${what}`)
    }
    return warnings
  }
}

const ofTemplate = jobWarnings<CronJob>('spec.jobTemplate.spec', each => each.spec.jobTemplate?.spec)

export function cronJobWarnings(object: CronJob, old: CronJob | undefined): string[] {
  const warnings = ofTemplate(object, old)
  if (old !== undefined && object.spec.schedule?.includes('TZ')) {
    const help = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/'
    warnings.push(`cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see ${help} for more details`)
  }
  return warnings
}
