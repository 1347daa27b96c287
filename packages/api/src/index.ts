export * from './kind.ts'
export * from './resources.ts'
