export { followKubeconfig } from './followed-kubeconfig.ts'
export { createInClusterTransport } from './in-cluster.ts'
export {
  type KubeconfigEntry,
  type KubeconfigUser,
  mergeKubeconfig,
  readKubeconfigUser,
  removeFromKubeconfig,
} from './kubeconfig.ts'
export { signalOfProcess } from './signals.ts'
export {
  createHttpsTransport,
  createKubeconfigTransport,
  type HttpsTransport,
  type HttpsTransportOptions,
} from './transport.ts'
