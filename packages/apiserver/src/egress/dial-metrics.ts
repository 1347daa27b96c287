/** How dialling by way of proxies goes (k8s.io/apiserver/pkg/server/egressselector/metrics/metrics.go). */
import type { Clock, MetricsRegistry } from '@canopus/base'
import { ConnectError } from './connect-error.ts'
import type { Dialer } from './dial.ts'

const SECONDS = [0.005, 0.025, 0.1, 0.5, 2.5, 12.5]
const PREFIX = 'apiserver_egress_dialer_dial'

/** Makes a dialer of one that is counted, by the protocol of its proxy and by what carries it. */
export type Measured = (dial: Dialer, protocol: 'http_connect' | 'grpc', transport: 'tcp' | 'uds') => Dialer

export function measuredDials(clock: Clock, registry: MetricsRegistry): Measured {
  const labels = ['protocol', 'transport']
  const starts = registry.counter(
    `${PREFIX}_start_total`,
    '[ALPHA] Dial starts, labeled by the protocol (http-connect or grpc) and transport (tcp or uds).',
    labels,
  )
  const durations = registry.histogram(
    `${PREFIX}_duration_seconds`,
    '[ALPHA] Dial latency histogram in seconds, labeled by the protocol (http-connect or grpc), transport (tcp or uds)',
    labels,
    SECONDS,
  )
  const failures = registry.counter(
    `${PREFIX}_failure_count`,
    '[ALPHA] Dial failure count, labeled by the protocol (http-connect or grpc), transport (tcp or uds), and stage (connect or proxy). The stage indicates at which stage the dial failed',
    [...labels, 'stage'],
  )
  return (dial, ...by) =>
    async (host, port) => {
      const begun = clock.monotonic()
      starts.with(...by).add()
      try {
        const socket = await dial(host, port)
        durations.with(...by).observe((clock.monotonic() - begun) / 1000)
        return socket
      } catch (error) {
        failures.with(...by, error instanceof ConnectError ? 'connect' : 'proxy').add()
        throw error
      }
    }
}
