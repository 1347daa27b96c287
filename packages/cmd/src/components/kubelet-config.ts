import { LOG_FIELDS } from './common-flags.ts'
import type { ConfigKind } from './component-config.ts'

/** What `canopus kubelet --config` may say (upstream staging/src/k8s.io/kubelet/config/v1beta1/types.go). */
export const KUBELET_CONFIGURATION: ConfigKind = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  fields: {
    address: { flag: 'address', type: 'text' },
    'authentication.anonymous.enabled': { always: false },
    'authentication.webhook.enabled': { always: true },
    'authentication.x509.clientCAFile': { flag: 'clientCaFile', type: 'path' },
    'authorization.mode': { always: 'Webhook' },
    cgroupDriver: { flag: 'cgroupDriver', type: 'text', oneOf: ['cgroupfs', 'systemd'] },
    clusterDNS: { flag: 'clusterDns', type: 'texts' },
    clusterDomain: { flag: 'clusterDomain', type: 'text' },
    containerRuntimeEndpoint: { flag: 'containerRuntimeEndpoint', type: 'text' },
    enableSystemLogHandler: { always: true },
    enableSystemLogQuery: { flag: 'enableSystemLogQuery', type: 'boolean' },
    failSwapOn: { always: false },
    featureGates: { flag: 'featureGates', type: 'map' },
    ...LOG_FIELDS,
    maxPods: { flag: 'maxPods', type: 'number' },
    podCIDR: { flag: 'podCidr', type: 'text' },
    podLogsDir: { flag: 'podLogsDir', type: 'path' },
    port: { flag: 'port', type: 'number' },
    providerID: { flag: 'providerId', type: 'text' },
    registerNode: { always: true },
    registerWithTaints: { flag: 'registerWithTaints', type: 'objects' },
    resolvConf: { flag: 'resolvConf', type: 'path' },
    rotateCertificates: { flag: 'rotateCertificates', type: 'boolean' },
    systemReserved: { flag: 'systemReserved', type: 'map' },
    tlsCipherSuites: { flag: 'tlsCipherSuites', type: 'texts' },
    tlsCertFile: { flag: 'tlsCertFile', type: 'path' },
    tlsMinVersion: { flag: 'tlsMinVersion', type: 'text' },
    tlsPrivateKeyFile: { flag: 'tlsPrivateKeyFile', type: 'path' },
  },
}
