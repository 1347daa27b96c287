export {
  type ClusterConfig,
  type ClusterPaths,
  foreignNodeRanges,
  homeOf,
  MOST_SLOTS,
  type NodeConfig,
  type NodePaths,
  type NodeUser,
  pathsOf,
  type StoreConfig,
} from './cluster/config.ts'
export { clusterPkiOf, keepCredentials } from './cluster/credentials.ts'
export { tablesOf } from './cluster/machine-network.ts'
export { findProcesses, markOf } from './cluster/processes.ts'
export { deleteCluster } from './commands/delete.ts'
export { logs } from './commands/logs.ts'
export { clusterStatus, status } from './commands/status.ts'
export { stop } from './commands/stop.ts'
export { type UpOptions, up } from './commands/up.ts'
export type { CliEnvironment } from './environment.ts'
export { Failure } from './failure.ts'
export { buildImages } from './images/build.ts'
export { createRegistry } from './images/registry.ts'
export { createProgress, type Progress } from './progress.ts'
