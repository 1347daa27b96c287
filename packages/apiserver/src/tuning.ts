/** What operators may set of single things that the server does; kube-apiserver's flags and, where missing, what is done here. */
export interface Tuning {
  /** `--allow-privileged`: whether containers of pods may be privileged; they may. */
  readonly allowPrivileged?: boolean
  /** `--delete-collection-workers`: how many objects of a collection are deleted at once; 1. */
  readonly deleteCollectionWorkers?: number
  /** `--enable-garbage-collector`: whether deletions say what becomes of dependents; they do. */
  readonly garbageCollection?: boolean
  /** `--etcd-count-metric-poll-period`: whether `/metrics` tells how many objects there are. */
  readonly countsObjects?: boolean
  /** `--etcd-db-metric-poll-interval`: whether it tells the size of the store. */
  readonly tellsStorageSize?: boolean
  /** `--etcd-healthcheck-timeout` in milliseconds; 2,000. */
  readonly healthCheckTimeout?: number
  /** `--etcd-readycheck-timeout` in milliseconds; 2,000. */
  readonly readyCheckTimeout?: number
  /** `--max-connection-bytes-per-sec`: of each connection that was joined with one to a pod, in each direction; no limit. */
  readonly connectionBytesPerSecond?: number
  /** `--enable-aggregator-routing`: whether services are called at their endpoints rather than at their own addresses; they are. */
  readonly routesToEndpoints?: boolean
}
