export { bytesOfPiece, carriedBy, carry, type LazyBytes, type Piece } from './carried-values.ts'
export type * from './client.ts'
export { createDiscovery, type Discovered, discover } from './discovery.ts'
export type * from './informer.ts'
export {
  createInformerFactory,
  type InformerFactoryOptions,
  type Transform,
  withoutManagedFields,
} from './informer-factory.ts'
export { type ClientOptions, createClient, errorOf } from './json-client.ts'
export { lines } from './json-lines.ts'
export { measuredTransport } from './measured-transport.ts'
export { keyOf, ObjectStore, splitKey } from './object-store.ts'
export { listAll, listPages } from './pager.ts'
export { rateLimitedTransport } from './rate-limited-transport.ts'
export type * from './transport.ts'
