/** What lists of one kind came to (k8s.io/apiserver/pkg/storage/cacher/metrics, pkg/storage/etcd3/metrics). */
import { Histogram } from '@canopus/base'

const WAIT_SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3]

export class CacheFigures {
  /** Lists from the cache, the objects that they looked at, and those that they answered with. */
  lists = 0
  fetched = 0
  returned = 0
  /** Lists of the newest state. */
  consistent = 0
  /** How long lists waited until the cache was new enough. */
  readonly waits = new Histogram(WAIT_SECONDS)
  /** Lists of the store that the cache began with, and their objects. */
  loads = 0
  loaded = 0
  /** Events that watches began with. */
  initialEvents = 0
}
