import type { ValidatingAdmissionPolicyBinding } from '../../generated/admissionregistration.v1.ts'
import { ValidatingAdmissionPolicyBindings } from '../../resources.ts'
import { defineKind } from '../shared/strategy.ts'
import { policyBindingOf } from './policy-binding.ts'
import { validateValidatingBinding } from './validation.ts'

export const ValidatingAdmissionPolicyBindingKind = defineKind<ValidatingAdmissionPolicyBinding>({
  type: ValidatingAdmissionPolicyBindings,
  message: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  storagePrefix: 'validatingadmissionpolicybindings',
  ...policyBindingOf(validateValidatingBinding),
})
