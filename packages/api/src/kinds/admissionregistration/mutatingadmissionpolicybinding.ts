import type { MutatingAdmissionPolicyBinding } from '../../generated/admissionregistration.v1.ts'
import { MutatingAdmissionPolicyBindings } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultMatchResources, defaultParamRef } from './defaults.ts'
import { paramRefText } from './policy-columns.ts'
import { validateMutatingBinding } from './validation.ts'

export const MutatingAdmissionPolicyBindingKind = defineKind<MutatingAdmissionPolicyBinding>({
  type: MutatingAdmissionPolicyBindings,
  message: 'admissionregistration.v1.MutatingAdmissionPolicyBinding',
  storagePrefix: 'mutatingadmissionpolicybindings',
  strategy: strategyOf(
    { spec: true, generation: true },
    {
      validate: validateMutatingBinding,
      validateUpdate: validateMutatingBinding,
      allowUnconditionalUpdate: false,
      default(object) {
        defaultParamRef(object.spec?.paramRef)
        defaultMatchResources(object.spec?.matchResources)
      },
    },
  ),
  columns: [
    nameColumn,
    text('PolicyName', 'The policy that it puts to use.', each => each.spec?.policyName ?? ''),
    text('ParamRef', 'Parameters for the policy.', each => paramRefText(each.spec?.paramRef)),
    ageColumn,
  ],
})
