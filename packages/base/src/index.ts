export { abortable, onAbort, TimeoutError, whenAborted, withTimeout } from './abort.ts'
export { AsyncQueue, type AsyncQueueOptions } from './async-queue.ts'
export { Backoff, type BackoffOptions } from './backoff.ts'
export { type Clock, sleep, type Timer } from './clock.ts'
export { type Deferred, deferred } from './deferred.ts'
export { Deque } from './deque.ts'
export { messageOf } from './error-text.ts'
export { type Compare, Heap } from './heap.ts'
export { type Logger, silentLogger } from './logger.ts'
export { LruCache, type LruCacheOptions } from './lru-cache.ts'
export {
  Counter,
  DEFAULT_BUCKETS,
  exponentialBuckets,
  Family,
  Histogram,
  type MetricDescription,
  type MetricsOptions,
  MetricsRegistry,
  type MetricType,
  perRegistry,
  type Sample,
  SummarizedHistogram,
  Summary,
  tally,
} from './metrics.ts'
export { type Random, randomInt, uuid } from './random.ts'
export { RingBuffer } from './ring-buffer.ts'
export { SeededRandom } from './seeded-random.ts'
export { hmacSha256, sha256 } from './sha256.ts'
export { sideBySide } from './side-by-side.ts'
export { SimulatedClock, type SimulatedClockOptions } from './simulated-clock.ts'
export { compareText, compareUtf8, SortedMap } from './sorted-map.ts'
export { type RateLimit, TokenBucket } from './token-bucket.ts'
