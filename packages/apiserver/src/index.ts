export {
  type BootstrapOptions,
  bootstrapCluster,
  ensureKubernetesService,
  type KubernetesServiceFacts,
} from './bootstrap/index.ts'
export { type AuthorizationMode, createSecurity, type SecurityOptions } from './create-security.ts'
export type * from './security.ts'
