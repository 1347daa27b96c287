import type { Clock, MetricsRegistry } from '@canopus/base'
import type { Transport } from './transport.ts'

const BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]

/** A transport whose requests are counted and timed (`rest_client_*` of k8s.io/component-base). `host` names the server. */
export function measuredTransport<T extends Transport>(
  transport: T,
  clock: Clock,
  registry: MetricsRegistry,
  host: string,
): T {
  const requests = registry.counter(
    'rest_client_requests_total',
    '[ALPHA] Number of HTTP requests, partitioned by status code, method, and host.',
    ['code', 'method', 'host'],
  )
  const durations = registry.histogram(
    'rest_client_request_duration_seconds',
    '[ALPHA] Request latency in seconds. Broken down by verb, and host.',
    ['verb', 'host'],
    BUCKETS,
  )
  return {
    ...transport,
    async send(request) {
      const begun = clock.monotonic()
      try {
        const response = await transport.send(request)
        requests.with(String(response.status), request.method, host).add()
        return response
      } catch (error) {
        requests.with('<error>', request.method, host).add()
        throw error
      } finally {
        durations.with(request.method, host).observe((clock.monotonic() - begun) / 1000)
      }
    },
  }
}
