/** Whether kubelets had to show who they are when logs were read (pkg/registry/core/pod/rest/log.go). */
import { perRegistry } from '@canopus/base'

export const podLogMetrics = perRegistry(registry => ({
  /** By what clients asked for. */
  usage: registry.counter(
    'kube_apiserver_pod_logs_insecure_backend_total',
    '[ALPHA] Total number of requests for pods/logs sliced by usage type: enforce_tls, skip_tls_allowed, skip_tls_denied',
    ['usage'],
  ),
  /** Kubelets that were not believed. */
  untrusted: registry
    .counter(
      'kube_apiserver_pod_logs_backend_tls_failure_total',
      '[ALPHA] Total number of requests for pods/logs that failed due to kubelet server TLS verification',
    )
    .with(),
}))
