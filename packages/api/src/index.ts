export { goDump } from './go-dump.ts'
export { goJson } from './go-json.ts'
export { inGoOrder } from './go-order.ts'
export * from './kind.ts'
export { type DetailFindings, validateDefinition } from './kinds/apiextensions/validation.ts'
export { ScaleKind } from './kinds/autoscaling/scale.ts'
export { APPARMOR_ANNOTATION, profileOfAnnotation } from './kinds/core/pod/app-armor.ts'
export { defaultPodTemplate } from './kinds/core/pod/defaults.ts'
export { matchesNode, selectsNode } from './kinds/core/pod/node-selection.ts'
export { podQosClass } from './kinds/core/pod/qos.ts'
export {
  type Amounts,
  aggregateContainers,
  amountsOf,
  isPodLevelResource,
  podLimits,
  podRequests,
} from './kinds/core/pod/resources.ts'
export { tolerates } from './kinds/core/pod/tolerations.ts'
export { checkTolerations } from './kinds/core/pod/validate-affinity.ts'
export { validateBinding } from './kinds/core/pod/validation.ts'
export { clusterIpErrors } from './kinds/core/service/validation-ip.ts'
export * from './kinds/index.ts'
export { changedMetadataErrors, newMetadataErrors } from './kinds/metadata-checks.ts'
export { podSpecOf } from './kinds/pod-specs.ts'
export { SYSTEM_PRIORITIES } from './kinds/scheduling/validation.ts'
export { type ExtraChecks, withExtraChecks } from './kinds/shared/extra-checks.ts'
export { isExtendedResource } from './kinds/shared/resource-names.ts'
export { type AttachedBy, inlineDriver, volumeDriver } from './kinds/storage/migrated-volumes.ts'
export { writeZerosOf } from './kinds/zero-values.ts'
export * from './openapi/index.ts'
export * from './quota/index.ts'
export * from './resources.ts'
export * from './schemas.ts'
export { KUBERNETES_VERSION } from './version.ts'
