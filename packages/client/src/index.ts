export type * from './client.ts'
export type * from './informer.ts'
export type * from './transport.ts'
