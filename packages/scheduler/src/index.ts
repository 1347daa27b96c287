export { tolerates } from '@canopus/api'
export { ClusterCache } from './cache.ts'
export {
  type ClientConnectionConfiguration,
  defaultConfiguration,
  type ProfileConfiguration,
  readConfiguration,
  type SchedulerConfiguration,
} from './config/configuration.ts'
export type { ExtenderConfiguration } from './config/extender-configuration.ts'
export { writtenConfiguration } from './config/written.ts'
export { type Decision, SchedulingCycle } from './cycle.ts'
export { failureMessage } from './diagnosis.ts'
export type { AskExtender } from './extenders.ts'
export type * from './framework.ts'
export { NodeInfo } from './node-info.ts'
export { requiredNodeMatcher } from './plugins/node-affinity.ts'
export { untoleratedTaint } from './plugins/taint-toleration.ts'
export { type PodInfo, podInfo } from './pod-info.ts'
export { defaultProfile } from './profile.ts'
export { podRequests, type Resources, resourcesOf } from './resources.ts'
export { createScheduler, type SchedulerOptions } from './scheduler.ts'
