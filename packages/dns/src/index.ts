export { createDns, type DnsOptions } from './dns.ts'
export { createForwarder, nameServers } from './forward.ts'
export { type ClusterView, type DnsRecord, type Resolution, resolve } from './records.ts'
export { type DnsServerOptions, respond, startDnsServer } from './server.ts'
