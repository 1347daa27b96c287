export { createKubelet, type Kubelet } from './kubelet.ts'
export { type MachineFacts, readMachineFacts } from './node/machine.ts'
export type { KubeletDirs, KubeletOptions, KubeletServerOptions } from './options.ts'
