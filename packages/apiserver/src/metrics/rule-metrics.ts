/** How long the rules of custom resources take (k8s.io/apiserver/pkg/cel/metrics). */
import type { RuleWork, TimeRules } from '@canopus/apiextensions'
import type { Clock, Histogram, MetricsRegistry } from '@canopus/base'

/** Prometheus' own bounds, which upstream leaves as they are. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function ruleMetrics(clock: Clock, registry: MetricsRegistry): TimeRules {
  const histogram = (work: RuleWork, help: string): Histogram =>
    registry.histogram(`apiserver_cel_${work}_duration_seconds`, `[BETA] ${help}`, [], SECONDS).with()
  const histograms = {
    compilation: histogram('compilation', 'CEL compilation time in seconds.'),
    evaluation: histogram('evaluation', 'CEL evaluation time in seconds.'),
  }
  return (work, act) => {
    const begun = clock.monotonic()
    try {
      return act()
    } finally {
      histograms[work].observe((clock.monotonic() - begun) / 1000)
    }
  }
}
