import type { Pod } from '../../generated/core.v1.ts'
import { Pods } from '../../resources.ts'
import { defineKind } from '../shared/strategy.ts'
import { podColumns, rowConditions } from './pod/columns.ts'
import { defaultPod } from './pod/defaults.ts'
import { gracePeriod, prepareForCreate, prepareForStatusUpdate, prepareForUpdate } from './pod/strategy.ts'
import { ephemeralContainers, resize } from './pod/subresources.ts'
import { validatePodStatusUpdate } from './pod/validate-status.ts'
import { validatePod, validatePodUpdate } from './pod/validation.ts'
import { addressWarnings, podWarnings } from './pod/warnings.ts'

export const PodKind = defineKind<Pod>({
  type: Pods,
  message: 'core.v1.Pod',
  storagePrefix: 'pods',
  strategy: {
    default: defaultPod,
    prepareForCreate,
    prepareForUpdate,
    prepareForStatusUpdate,
    statusLeaves: ['deletionTimestamp', 'ownerReferences'],
    validate: validatePod,
    validateUpdate: validatePodUpdate,
    validateStatusUpdate: validatePodStatusUpdate,
    subresources: { resize, ephemeralcontainers: ephemeralContainers },
    warnings: podWarnings,
    statusWarnings: addressWarnings,
    gracePeriod,
    hasGeneration: true,
  },
  columns: podColumns,
  rowConditions,
  selectableFields: {
    // Upstream knows the label and gives it no value.
    'status.podIPs': () => '',
    'spec.nodeName': pod => pod.spec.nodeName ?? '',
    'spec.restartPolicy': pod => pod.spec.restartPolicy ?? '',
    'spec.schedulerName': pod => pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': pod => pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': pod => String(pod.spec.hostNetwork ?? false),
    'status.phase': pod => pod.status?.phase ?? '',
    'status.podIP': pod => pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '',
    'status.nominatedNodeName': pod => pod.status?.nominatedNodeName ?? '',
  },
})
