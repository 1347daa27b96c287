export type * from './controller.ts'
export {
  again,
  type ControllerDefinition,
  defineController,
  runWorkers,
  type WorkOptions,
} from './define-controller.ts'
export { createEventRecorder, type EventRecorderOptions } from './event-recorder.ts'
export { createSeriesRecorder } from './event-series.ts'
export { Expectations } from './expectations.ts'
export { addFinalizer, removeFinalizer } from './finalizers.ts'
export { type LeaderElectionOptions, runWithLease } from './leader-election.ts'
export { OwnWrites, StaleCacheError } from './own-writes.ts'
export { type Claim, claim } from './owners.ts'
export { slowStart } from './slow-start.ts'
export { type Change, type Enqueue, mapped, on, owned, ownerKey, primary, type Trigger } from './triggers.ts'
export { patchObject, patchStatus, type UpdateOptions } from './update.ts'
export { WorkQueue, type WorkQueueOptions } from './work-queue.ts'
