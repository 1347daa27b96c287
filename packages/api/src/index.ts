export * from './kind.ts'
export * from './kinds/index.ts'
export * from './resources.ts'
export * from './schemas.ts'
