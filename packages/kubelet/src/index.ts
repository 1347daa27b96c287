export { CertificateKeeper, type CertificateKeeperOptions } from './certificates/certificate-keeper.ts'
export {
  CertificateError,
  type CertificateWish,
  type NodeSigner,
  requestCertificate,
} from './certificates/request-certificate.ts'
export { createKubelet, type Kubelet } from './kubelet.ts'
export { cleanUpNode } from './node/clean-up.ts'
export { type MachineFacts, readMachineFacts } from './node/machine.ts'
export type { KubeletDirs, KubeletOptions, KubeletServerOptions } from './options.ts'
export { createLocalDirectories, type LocalDirectories } from './volumes/local-directories.ts'
