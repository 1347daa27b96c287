export { type HealthAnswer, type HealthCheck, healthAnswer } from './health-check.ts'
export { planService, type ServicePlan } from './plan.ts'
export { createProxy, type ProxyEffects, type ProxyOptions } from './proxy.ts'
export { ServicesState, servicesTable, sharedChain } from './table.ts'
