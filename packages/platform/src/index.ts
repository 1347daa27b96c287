export { tuneEngine } from './engine.ts'
export { isMissing, makeDirectories, namesIn, readTextIfPresent, removeAbandoned, writeFileAtomic } from './files.ts'
export { MAX_HEADER_BYTES } from './http-limits.ts'
export { createLogger, type LogFormat, type LoggerOptions, LogVerbosity } from './logger.ts'
export * from './pki/index.ts'
export {
  awaitEnd,
  CommandError,
  type DaemonIdentity,
  type DaemonOptions,
  isRunning,
  type RunOptions,
  type RunResult,
  run,
  startDaemon,
  startTimeOf,
  terminate,
  tryRun,
} from './process.ts'
export { registerProcessMetrics } from './process-metrics.ts'
export {
  type CpuProfile,
  HEAP_SAMPLING_INTERVAL,
  type ProfiledFrame,
  type ProfiledStack,
  type Profiler,
  startProfiler,
} from './profiler.ts'
export { systemClock } from './system-clock.ts'
export { systemRandom } from './system-random.ts'
