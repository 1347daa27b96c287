export { type EtcdServer, findEtcd, startEtcd } from './etcd-server.ts'
