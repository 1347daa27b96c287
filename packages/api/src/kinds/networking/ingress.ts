import type { Ingress } from '../../generated/networking.v1.ts'
import { Ingresses } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { loadBalancerAddresses } from '../shared/load-balancer.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { balancerWarnings } from '../shared/warnings.ts'
import { validateIngress, validateIngressStatus, validateIngressUpdate } from './ingress-validation.ts'

function hostsText({ spec }: Ingress): string {
  const hosts = (spec.rules ?? []).slice(0, 3).flatMap(rule => (rule.host ? [rule.host] : []))
  if (hosts.length === 0) return '*'
  const rest = (spec.rules ?? []).length - 3
  return rest > 0 && hosts.length === 3 ? `${hosts.join(',')} + ${rest} more...` : hosts.join(',')
}

const OLD_CLASS = 'kubernetes.io/ingress.class'

function warnings({ metadata, spec }: Ingress, old: Ingress | undefined): string[] {
  const isOld = metadata.annotations?.[OLD_CLASS] !== undefined && spec.ingressClassName === undefined
  if (old !== undefined || !isOld) return []
  return [`annotation "${OLD_CLASS}" is deprecated, please use 'spec.ingressClassName' instead`]
}

const classText = ({ spec }: Ingress): string => spec.ingressClassName ?? '<none>'

export const IngressKind = defineKind<Ingress>({
  type: Ingresses,
  message: 'networking.v1.Ingress',
  storagePrefix: 'ingress',
  strategy: strategyOf(
    { spec: true, status: () => ({ loadBalancer: {} }), generation: true },
    {
      validate: validateIngress,
      validateUpdate: validateIngressUpdate,
      validateStatusUpdate: validateIngressStatus,
      warnings,
      statusWarnings: balancerWarnings,
    },
  ),
  columns: [
    nameColumn,
    text('Class', 'The name of the IngressClass resource that should be used for additional configuration', classText),
    text('Hosts', 'Hosts that incoming requests are matched against before the ingress rule', hostsText),
    text('Address', 'Address is a list containing ingress points for the load-balancer', each =>
      loadBalancerAddresses(each.status?.loadBalancer),
    ),
    text('Ports', 'Ports of TLS configurations that open', each =>
      (each.spec.tls ?? []).length > 0 ? '80, 443' : '80',
    ),
    ageColumn,
  ],
})
