import type { MutatingAdmissionPolicyBinding } from '../../generated/admissionregistration.v1.ts'
import { MutatingAdmissionPolicyBindings } from '../../resources.ts'
import { defineKind } from '../shared/strategy.ts'
import { policyBindingOf } from './policy-binding.ts'
import { validateMutatingBinding } from './validation.ts'

export const MutatingAdmissionPolicyBindingKind = defineKind<MutatingAdmissionPolicyBinding>({
  type: MutatingAdmissionPolicyBindings,
  message: 'admissionregistration.v1.MutatingAdmissionPolicyBinding',
  storagePrefix: 'mutatingadmissionpolicybindings',
  ...policyBindingOf(validateMutatingBinding),
})
