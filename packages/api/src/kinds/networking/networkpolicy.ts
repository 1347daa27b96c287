import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicySpec } from '../../generated/networking.v1.ts'
import { NetworkPolicies } from '../../resources.ts'
import { ageColumn, formatLabelSelector, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { cidrWarnings } from '../shared/warnings.ts'
import { validateNetworkPolicy } from './policy-validation.ts'

/** A policy is about what comes in, and about what goes out where it has rules for that. */
function defaultPolicy(policy: NetworkPolicy): void {
  policy.spec ??= {} as NetworkPolicySpec
  const { spec } = policy
  spec.podSelector ??= {}
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP'
  }
  if ((spec.policyTypes ?? []).length === 0) {
    spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
  }
}

function warnings({ spec }: NetworkPolicy): string[] {
  const ofPeers = (path: string, peers: readonly NetworkPolicyPeer[] = []): string[] =>
    peers.flatMap(({ ipBlock }, index) => {
      if (!ipBlock) return []
      const at = `${path}[${index}].ipBlock`
      const except = (ipBlock.except ?? []).flatMap((cidr, i) => cidrWarnings(`${at}.except[${i}]`, cidr))
      return [...cidrWarnings(`${at}.cidr`, ipBlock.cidr), ...except]
    })
  return [
    ...(spec?.ingress ?? []).flatMap((rule, index) => ofPeers(`spec.ingress[${index}].from`, rule.from)),
    ...(spec?.egress ?? []).flatMap((rule, index) => ofPeers(`spec.egress[${index}].to`, rule.to)),
  ]
}

export const NetworkPolicyKind = defineKind<NetworkPolicy>({
  type: NetworkPolicies,
  message: 'networking.v1.NetworkPolicy',
  storagePrefix: 'networkpolicies',
  strategy: strategyOf(
    { generation: true },
    {
      validate: policy => validateNetworkPolicy(policy),
      validateUpdate: (policy, old) => validateNetworkPolicy(policy, old),
      default: defaultPolicy,
      warnings,
    },
  ),
  columns: [
    nameColumn,
    text('Pod-Selector', of('networking.v1.NetworkPolicySpec.podSelector'), each =>
      formatLabelSelector(each.spec?.podSelector),
    ),
    ageColumn,
  ],
})
