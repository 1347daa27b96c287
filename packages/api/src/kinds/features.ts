/** Kinds of a server whose features are not those that are usual. */
import { type KubeObject, underFeatures } from '@canopus/apimachinery'
import type { Kind, Strategy } from '../kind.ts'
import { withoutFieldsOf } from './disabled-fields.ts'
import { FIELD_FEATURES } from './optional-fields.ts'

type Enabled = (feature: string) => boolean

/**
 * The kind as it is with these features. Where they are the usual ones, the kind itself serves: this costs a call around each of its
 * decisions.
 */
export function withFeatures(kind: Kind, enabled: Enabled): Kind {
  const { strategy, ...others } = withoutFieldsOf(kind, enabled)
  const { subresources, ...decisions } = strategy
  const under = <T extends object>(functions: T): T => {
    const entries = Object.entries(functions).map(([name, value]) => [
      name,
      typeof value === 'function'
        ? (...args: unknown[]): unknown => underFeatures(enabled, () => value.apply(functions, args))
        : value,
    ])
    return Object.fromEntries(entries) as T
  }
  return {
    ...others,
    strategy: {
      ...under<Omit<Strategy<KubeObject>, 'subresources'>>(decisions),
      ...(subresources && {
        subresources: Object.fromEntries(Object.entries(subresources).map(([name, each]) => [name, under(each)])),
      }),
    },
  }
}

/** Every feature that a kind here asks for, other than those that bring kinds. */
export const KIND_FEATURES: readonly string[] = [
  ...FIELD_FEATURES,
  'ContainerStopSignals',
  'MaxUnavailableStatefulSet',
  'VolumeLimitScaling',
  'ClearingNominatedNodeNameAfterBinding',
  'CrossNamespaceVolumeDataSource',
  'HPAScaleToZero',
  'MatchLabelKeysInPodTopologySpreadSelectorMerge',
  'MutablePVNodeAffinity',
  'MutablePodResourcesForSuspendedJobs',
  'MutableSchedulingDirectivesForSuspendedJobs',
  'PodDeletionCost',
  'RelaxedServiceNameValidation',
  'RestartAllContainersOnContainerExits',
  'StrictIPCIDRValidation',
  'TaintTolerationComparisonOperators',
  'UserNamespacesHostNetworkSupport',
]
