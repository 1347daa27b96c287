/** Which fields a service needs by its type (pkg/registry/core/service/strategy.go, pkg/apis/core/helper). */
import type { Service } from '../../../generated/core.v1.ts'

export const needsClusterIP = ({ spec }: Service): boolean =>
  spec.type === 'ClusterIP' || spec.type === 'NodePort' || spec.type === 'LoadBalancer'

/** May have them; whether a load balancer is given some is for `allocateLoadBalancerNodePorts` to say. */
export const needsNodePort = ({ spec }: Service): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer'

/** Is given them where it does not say which. */
export const isGivenNodePorts = ({ spec }: Service): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)

/** A load balancer with `externalTrafficPolicy: Local` is told by a health check which nodes have endpoints. */
export const needsHealthCheckNodePort = ({ spec }: Service): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local'

/** Reachable from outside: then it has an external traffic policy. */
export const isExternallyAccessible = ({ spec }: Service): boolean =>
  spec.type === 'LoadBalancer' ||
  spec.type === 'NodePort' ||
  (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)

export const isHeadless = ({ spec }: Service): boolean => spec.clusterIP === 'None'
