import type { Clock, Logger, Random } from '@canopus/base'
import type { ObjectReader } from '../../security.ts'
import type { WebhookCaller } from '../../webhook/client.ts'
import type { WebhookCredentialsFor } from '../../webhook/credentials.ts'
import type { AdmissionMetrics } from '../admission-metrics.ts'
import type { MatchConditions } from './match.ts'

/** What the two webhook plugins work with. */
export interface WebhookAdmissionContext {
  readonly objects: ObjectReader
  readonly webhooks: WebhookCaller
  readonly random: Random
  readonly logger: Logger
  readonly clock: Clock
  /** As whom webhooks are called; as nobody where missing. */
  readonly credentials?: WebhookCredentialsFor
  /** Where calls are counted; nowhere where missing. */
  readonly admissionMetrics?: AdmissionMetrics
  /** How conditions in CEL are evaluated. */
  readonly matchConditions?: MatchConditions
}
