/** What the handlers of subresources are given. */
import type { Clock, Logger, MetricsRegistry, Random } from '@canopus/base'
import type { Dialer } from '../egress/dial.ts'
import type { FeatureGates } from '../features/feature-gates.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import type { Resources } from '../registry/resources.ts'
import type { ObjectReader, TokenIssuer } from '../security.ts'
import type { KubeletCredentials } from './node-address.ts'

export interface SubresourceContext {
  readonly resources: Resources
  readonly objects: ObjectReader
  readonly tokenIssuer?: TokenIssuer
  /** With which kubelets are called. */
  readonly kubelet: KubeletCredentials
  /** How nodes, pods and services are reached; straight where missing. */
  readonly dial?: Dialer | undefined
  readonly featureGates: FeatureGates
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Where it is counted how logs were read. */
  readonly metrics: MetricsRegistry
}

export type SubresourceHandler = (context: SubresourceContext, endpoint: Endpoint, call: Call) => Promise<ApiResponse>
