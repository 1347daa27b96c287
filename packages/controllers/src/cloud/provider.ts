/** What a cloud does for a cluster (k8s.io/cloud-provider cloud.go). Built in is one: this machine (`local-load-balancers.ts`). */
import type { LoadBalancerStatus, Node, NodeAddress, Service } from '@canopus/api/core/v1'
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

/** What a cloud knows of the machine that is a node (upstream's InstanceMetadata). */
export interface InstanceMetadata {
  /** The machine's name within the cloud, as `<cloud>://<machine>`; it may be missing where the kubelet has given it. */
  providerId?: string
  instanceType?: string
  addresses: readonly NodeAddress[]
  zone?: string
  region?: string
  /** Labels of names that are not Kubernetes' own. */
  labels?: Readonly<Record<string, string>>
}

/** The machines of a cloud (upstream's InstancesV2). */
export interface Instances {
  /** Whether the machine is still there, be it on or off. */
  exists(node: Node): Promise<boolean>
  /** Whether the machine is switched off. */
  isShutDown(node: Node): Promise<boolean>
  /** Nothing where the cloud does not want the node to be touched yet. */
  metadata(node: Node): Promise<InstanceMetadata | undefined>
}

/** One way to the pods of a node. */
export interface Route {
  name: string
  targetNode: string
  destinationCidr: string
  /** The way leads nowhere, because its machine is gone. */
  blackhole?: boolean
  /** Where the cloud routes to addresses: those that it has now, so that it is told when the node's change. */
  targetAddresses?: readonly NodeAddress[]
}

/** Routes between nodes, where the cloud's network has to be told which node has which pods. */
export interface Routes {
  list(): Promise<readonly Route[]>
  /** `hint` is unique to the node and the same each time. */
  create(hint: string, route: Omit<Route, 'name'>): Promise<void>
  delete(route: Route): Promise<void>
}

/** A cloud; what it does not have is missing. */
export interface CloudProvider {
  readonly name: string
  readonly loadBalancers?: LoadBalancers
  readonly instances?: Instances
  readonly routes?: Routes
}
