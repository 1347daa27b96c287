/** How long the rules of custom resources take, and their comparisons (k8s.io/apiserver/pkg/cel/metrics). */
import type { Comparisons, RuleWork, TimeRules } from '@canopus/apiextensions'
import { type Clock, DEFAULT_BUCKETS, type Histogram, type MetricsRegistry } from '@canopus/base'

export function ruleMetrics(clock: Clock, registry: MetricsRegistry): TimeRules {
  const histogram = (work: RuleWork, help: string): Histogram =>
    registry.histogram(`apiserver_cel_${work}_duration_seconds`, `[BETA] ${help}`, [], DEFAULT_BUCKETS).with()
  const histograms = {
    compilation: histogram('compilation', 'CEL compilation time in seconds.'),
    evaluation: histogram('evaluation', 'CEL evaluation time in seconds.'),
  }
  const time: TimeRules = (work, act) => {
    const begun = clock.monotonic()
    try {
      return act()
    } finally {
      histograms[work].observe((clock.monotonic() - begun) / 1000)
    }
  }
  return Object.assign(time, { comparisons: comparisonTimes(clock, registry) })
}

/** From 10 µs to 2.6 s. */
const RATCHETING = Array.from({ length: 10 }, (_, index) => 4 ** index / 100_000)

/** What it costs not to hold against an update what it leaves as it is (apiextensions-apiserver/pkg/apiserver/validation/metrics.go). */
function comparisonTimes(clock: Clock, registry: MetricsRegistry): () => Comparisons {
  const help =
    'Time for comparison of old to new for the purposes of CRDValidationRatcheting during an UPDATE in seconds.'
  const name = 'apiextensions_apiserver_validation_ratcheting_seconds'
  const histogram = registry.histogram(name, `[ALPHA] ${help}`, [], RATCHETING).with()
  return () => {
    let spent = 0
    return {
      compare(act) {
        const begun = clock.monotonic()
        const same = act()
        spent += clock.monotonic() - begun
        return same
      },
      end: () => histogram.observe(spent / 1000),
    }
  }
}
