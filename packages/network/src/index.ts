export { type CniOptions, ptpConflist } from './cni.ts'
export { type HostPortOwner, hostPortOwners } from './host-ports.ts'
export {
  addressAt,
  addressOf,
  cidrContains,
  defaultRoute,
  ipBatch,
  ipToNumber,
  numberToIp,
  parseCidr,
  subnetAt,
} from './ip.ts'
export { applyNft, deleteNftTable } from './nft.ts'
export { nftMapKeys, nftTables } from './nft-elements.ts'
export {
  type NftChain,
  type NftChange,
  type NftContainer,
  type NftTable,
  renderChanges,
  renderTable,
} from './nft-table.ts'
export { type NodeTableOptions, nodeTable } from './node-table.ts'
export { type PeerNode, planPeerRoutes } from './routes.ts'
export { nodeSysctls, readSysctl, writeSysctl } from './sysctl.ts'
