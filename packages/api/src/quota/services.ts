import { quantityOf } from '@canopus/apimachinery'
import type { Service } from '../generated/core.v1.ts'
import type { QuotaEvaluator } from './evaluator.ts'

const TRACKED = ['services', 'services.nodeports', 'services.loadbalancers', 'count/services']

/** Services, their load balancers and node ports (pkg/quota/v1/evaluator/core/services.go). */
export const serviceQuota: QuotaEvaluator<Service> = {
  tracks: name => TRACKED.includes(name),
  usage(service) {
    const one = quantityOf(1)
    const isBalanced = service.spec?.type === 'LoadBalancer'
    return new Map([
      ['count/services', one],
      ['services', one],
      ['services.loadbalancers', quantityOf(isBalanced ? 1 : 0)],
      ['services.nodeports', quantityOf(nodePorts(service))],
    ])
  },
  inScope: () => false,
}

/** Ports are counted before they are allocated, by what the service asks for. */
function nodePorts({ spec }: Service): number {
  const ports = spec?.ports ?? []
  if (spec?.type === 'NodePort') return ports.length
  if (spec?.type !== 'LoadBalancer') return 0
  return spec.allocateLoadBalancerNodePorts === false ? ports.filter(port => port.nodePort).length : ports.length
}
