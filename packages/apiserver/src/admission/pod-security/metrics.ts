/** How pods were judged (k8s.io/pod-security-admission/metrics). */
import { Pods } from '@canopus/api'
import type { ResourceType } from '@canopus/apimachinery'
import { type Counter, type Family, MetricsRegistry } from '@canopus/base'
import { KUBERNETES_MINOR } from '../../discovery/version.ts'
import type { AdmissionAttributes } from '../../security.ts'
import type { LevelVersion, Policy } from './policy.ts'

export class PodSecurityMetrics {
  readonly #evaluations: Family<Counter>
  readonly #exemptions: Family<Counter>
  readonly #errors: Family<Counter>

  constructor(registry: MetricsRegistry = new MetricsRegistry()) {
    this.#evaluations = registry.counter(
      'pod_security_evaluations_total',
      '[ALPHA] Number of policy evaluations that occurred, not counting ignored or exempt requests.',
      ['decision', 'mode', 'policy_level', 'policy_version', 'request_operation', 'resource', 'subresource'],
    )
    this.#exemptions = registry.counter(
      'pod_security_exemptions_total',
      '[ALPHA] Number of exempt requests, not counting ignored or out of scope requests.',
      ['request_operation', 'resource', 'subresource'],
    )
    this.#errors = registry.counter(
      'pod_security_errors_total',
      '[ALPHA] Number of errors that kept a pod from being judged as usual; those that are not fatal may have it judged by the latest restricted profile.',
      ['fatal', 'request_operation', 'resource', 'subresource'],
    )
    // Upstream has these from the start.
    for (const operation of ['create', 'update']) {
      this.#evaluations.with('allow', 'enforce', 'privileged', 'latest', operation, 'pod', '')
      for (const resource of ['pod', 'controller']) this.#exemptions.with(operation, resource, '')
    }
  }

  evaluated(
    decision: 'allow' | 'deny',
    mode: keyof Policy,
    { level, version }: LevelVersion,
    { operation, type, subresource }: AdmissionAttributes,
  ): void {
    this.#evaluations
      .with(
        decision,
        mode,
        level,
        level === 'privileged' ? 'latest' : versionLabel(version),
        operation.toLowerCase(),
        resourceLabel(type),
        subresource,
      )
      .add()
  }

  exempted({ operation, type, subresource }: AdmissionAttributes): void {
    this.#exemptions.with(operation.toLowerCase(), resourceLabel(type), subresource).add()
  }

  /** Fatal is what leaves nothing to judge by. */
  failed(isFatal: boolean, { operation, type, subresource }: AdmissionAttributes): void {
    this.#errors.with(String(isFatal), operation.toLowerCase(), resourceLabel(type), subresource).add()
  }
}

const resourceLabel = ({ plural }: ResourceType): string => (plural === Pods.plural ? 'pod' : 'controller')

function versionLabel(version: LevelVersion['version']): string {
  if (version === 'latest') return version
  // Rules of later versions are not known here.
  return version > KUBERNETES_MINOR ? 'future' : `v1.${version}`
}
