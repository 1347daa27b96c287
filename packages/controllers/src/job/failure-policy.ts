/** What a pod's failure means to the job (kubernetes pkg/controller/job/pod_failure_policy.go). */
import type { Job, PodFailurePolicyRule } from '@canopus/api/batch/v1'
import type { ContainerStatus, Pod } from '@canopus/api/core/v1'

export type FailureVerdict =
  | { action: 'Count' }
  | { action: 'Ignore' }
  | { action: 'FailIndex' }
  | { action: 'FailJob'; message: string }

/** The first rule that matches decides; without one the failure is counted. */
export const judgeFailure = (job: Job, pod: Pod): FailureVerdict => policyAction(job, pod) ?? { action: 'Count' }

/** What the first rule that matches says; nothing where none does. */
export function policyAction(job: Job, pod: Pod): FailureVerdict | undefined {
  for (const [position, rule] of (job.spec.podFailurePolicy?.rules ?? []).entries()) {
    const match = matchRule(rule, pod)
    if (match === undefined) continue
    switch (rule.action) {
      case 'Ignore':
      case 'Count':
        return { action: rule.action }
      case 'FailIndex':
        if (job.spec.backoffLimitPerIndex !== undefined) return { action: 'FailIndex' }
        break
      case 'FailJob':
        return { action: 'FailJob', message: `${match} matching FailJob rule at index ${position}` }
    }
  }
  return undefined
}

function matchRule({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const where = `pod ${pod.metadata.namespace}/${pod.metadata.name}`
  if (onExitCodes) {
    const { containerName, operator, values } = onExitCodes
    for (const status of [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]) {
      const code = exitCode(status)
      if (code === undefined || code === 0 || (containerName !== undefined && status.name !== containerName)) continue
      const isListed = values.includes(code)
      if (operator === 'In' ? isListed : !isListed) {
        return `Container ${status.name} for ${where} failed with exit code ${code}`
      }
    }
    return undefined
  }
  for (const { type, status } of onPodConditions ?? []) {
    const found = pod.status?.conditions?.find(condition => condition.type === type)
    if (found?.status === (status || 'True'))
      return `Pod ${pod.metadata.namespace}/${pod.metadata.name} has condition ${type}`
  }
  return undefined
}

const exitCode = (status: ContainerStatus): number | undefined => status.state?.terminated?.exitCode
