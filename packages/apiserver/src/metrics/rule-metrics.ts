/** How long the rules of custom resources take (k8s.io/apiserver/pkg/cel/metrics). */
import type { RuleWork, TimeRules } from '@canopus/apiextensions'
import { type Clock, DEFAULT_BUCKETS, type Histogram, type MetricsRegistry } from '@canopus/base'

export function ruleMetrics(clock: Clock, registry: MetricsRegistry): TimeRules {
  const histogram = (work: RuleWork, help: string): Histogram =>
    registry.histogram(`apiserver_cel_${work}_duration_seconds`, `[BETA] ${help}`, [], DEFAULT_BUCKETS).with()
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
