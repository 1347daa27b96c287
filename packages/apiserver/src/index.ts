export type * from './security.ts'
