/** The Kubernetes release whose API this is, and whose servers and nodes ours stand for. */
export const KUBERNETES_VERSION = 'v1.36.4'
