export * from './field-error.ts'
export type * from './generated/meta.ts'
export * from './object.ts'
export * from './status-error.ts'
