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

const classText = ({ metadata, spec }: Ingress): string =>
  spec.ingressClassName ?? metadata.annotations?.[OLD_CLASS] ?? '<none>'

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
    text('Class', 'Which controller serves it.', classText),
    text('Hosts', 'Host names that it answers to.', hostsText),
    text('Address', 'Addresses of its load balancer.', each => loadBalancerAddresses(each.status?.loadBalancer)),
    text('Ports', 'Ports on which it listens.', each => ((each.spec.tls ?? []).length > 0 ? '80, 443' : '80')),
    ageColumn,
  ],
})
