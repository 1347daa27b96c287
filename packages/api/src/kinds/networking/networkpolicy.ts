import type { NetworkPolicy } from '../../generated/networking.v1.ts'
import { NetworkPolicies } from '../../resources.ts'
import { ageColumn, formatLabelSelector, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'

export const NetworkPolicyKind = defineKind<NetworkPolicy>({
  type: NetworkPolicies,
  message: 'networking.v1.NetworkPolicy',
  storagePrefix: 'networkpolicies',
  strategy: strategyOf({ generation: true }),
  columns: [
    nameColumn,
    text('Pod-Selector', 'Pods to which it applies.', each => formatLabelSelector(each.spec?.podSelector)),
    ageColumn,
  ],
})
