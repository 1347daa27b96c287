/** What a cloud does for a cluster (k8s.io/cloud-provider cloud.go). Built in is one: this machine (`local-load-balancers.ts`). */
import type { LoadBalancerStatus, Node, Service } from '@canopus/api/core/v1'
import type { Trigger } from '@canopus/operator'

/** Leads traffic from outside to the nodes. Everything throws where the cloud refuses; the message goes into an event. */
export interface LoadBalancers {
  /** Whether there is a balancer for the service. */
  exists(service: Service): Promise<boolean>
  /** Makes the balancer, or changes it, and answers where it is reached. */
  ensure(service: Service, nodes: readonly Node[]): Promise<LoadBalancerStatus>
  /** Other nodes than before are behind the balancer. Answers where it is reached now; nothing where that stays. */
  update(service: Service, nodes: readonly Node[]): Promise<LoadBalancerStatus | undefined>
  /** Takes the balancer away. Does nothing where there is none. */
  delete(service: Service): Promise<void>
  /** What else than services and nodes changes balancers. */
  readonly triggers?: readonly Trigger[]
}

/** A cloud; what it does not have is missing. */
export interface CloudProvider {
  readonly name: string
  readonly loadBalancers?: LoadBalancers
}
