export { type EtcdServer, findEtcd, startEtcd } from './etcd-server.ts'
export { freePort, freePorts } from './free-ports.ts'
