/** What is told of claims of devices (kubernetes pkg/controller/resourceclaim/metrics). */
import type { ResourceClaim } from '@canopus/api/resource/v1'
import type { Draft } from '@canopus/apimachinery'
import { type Counter, type Family, type MetricsRegistry, perRegistry, tally } from '@canopus/base'
import { POD_CLAIM_ANNOTATION } from './plan.ts'

const EXTENDED = 'resource.kubernetes.io/extended-resource-claim'

export class ClaimMetrics {
  readonly #creations: Family<Counter>
  /** All claims; asked for when the figures are read. */
  claims: () => readonly ResourceClaim[] = () => []

  constructor(registry: MetricsRegistry) {
    this.#creations = registry.counter(
      'resourceclaim_controller_creates_total',
      '[ALPHA] Number of ResourceClaims creation requests, categorized by creation status and admin access',
      ['status', 'admin_access'],
    )
    registry.collect(
      'gauge',
      'resourceclaim_controller_resource_claims',
      "[ALPHA] Number of ResourceClaims, categorized by allocation status, admin access, and source. Source can be 'resource_claim_template' (created from a template), 'extended_resource' (extended resources), or empty (manually created by a user).",
      ['allocated', 'admin_access', 'source'],
      () =>
        tally(this.claims(), claim => [
          String(claim.status?.allocation !== undefined),
          adminAccess(claim),
          sourceOf(claim),
        ]),
    )
  }

  created(claim: Draft<ResourceClaim>, status: 'success' | 'failure'): void {
    this.#creations.with(status, adminAccess(claim)).add()
  }
}

const adminAccess = ({ spec }: Draft<ResourceClaim>): string =>
  String((spec?.devices?.requests ?? []).some(({ exactly }) => exactly?.adminAccess === true))

function sourceOf({ metadata: { annotations = {} } }: ResourceClaim): string {
  if (annotations[EXTENDED] === 'true') return 'extended_resource'
  return annotations[POD_CLAIM_ANNOTATION] ? 'resource_claim_template' : ''
}

/** The figures in a registry. */
export const claimMetrics = perRegistry(registry => new ClaimMetrics(registry))
