export { type EmbeddedStoreOptions, openEmbeddedStore } from './embedded/embedded-store.ts'
export { createMemoryStore, type MemoryStoreOptions } from './memory/memory-store.ts'
export * from './store.ts'
