import type { AdmissionPlugin } from '../security.ts'
import { defaultTolerationSeconds } from './default-toleration-seconds.ts'
import { namespaceLifecycle } from './namespace-lifecycle.ts'
import { priority } from './priority.ts'
import { serviceAccount } from './service-account.ts'
import type { AdmissionContext } from './shared.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'

/** The admission chain, in upstream's order (pkg/kubeapiserver/options/plugins.go). */
export function allAdmission(context: AdmissionContext): AdmissionPlugin[] {
  return [
    namespaceLifecycle(context),
    serviceAccount(context),
    taintNodesByCondition,
    priority(context),
    defaultTolerationSeconds,
  ]
}

export type { AdmissionContext } from './shared.ts'
