/**
 * Tells in the status of validating policies whether their expressions fit the kinds that they are for. Behaviour: kubernetes
 * pkg/controller/validatingadmissionpolicystatus.
 */
import { ValidatingAdmissionPolicies } from '@canopus/api'
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '@canopus/api/admissionregistration/v1'
import { type Controller, type ControllerContext, defineController, primary } from '@canopus/operator'

export type PolicyChecker = (policy: ValidatingAdmissionPolicy) => Promise<readonly ExpressionWarning[]>

export function createPolicyStatusController(context: ControllerContext, check: PolicyChecker): Controller {
  const policies = context.informers.informer(ValidatingAdmissionPolicies)
  const isNew = ({ metadata, status }: ValidatingAdmissionPolicy): boolean =>
    (metadata.generation ?? 0) > (status?.observedGeneration ?? 0)
  return defineController(context, {
    name: 'validatingadmissionpolicy-status-controller',
    triggers: [primary(ValidatingAdmissionPolicies, ({ object, deleted }) => !deleted && isNew(object))],
    async reconcile(name) {
      const policy = policies.lister.get(name)
      if (policy === undefined || !isNew(policy)) return undefined
      const warnings = await check(policy)
      const patch = {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name },
        status: {
          observedGeneration: policy.metadata.generation,
          typeChecking: warnings.length > 0 ? { expressionWarnings: warnings } : {},
        },
      }
      const options = { subresource: 'status', fieldManager: 'validatingadmissionpolicy-status', force: true }
      await context.client.resource(ValidatingAdmissionPolicies).patch(name, 'apply', patch, options)
      return undefined
    },
  })
}
