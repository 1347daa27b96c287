import type { ValidatingAdmissionPolicyBinding } from '../../generated/admissionregistration.v1.ts'
import { ValidatingAdmissionPolicyBindings } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultMatchResources, defaultParamRef } from './defaults.ts'
import { paramRefText } from './policy-columns.ts'
import { validateValidatingBinding } from './validation.ts'

export const ValidatingAdmissionPolicyBindingKind = defineKind<ValidatingAdmissionPolicyBinding>({
  type: ValidatingAdmissionPolicyBindings,
  message: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  storagePrefix: 'validatingadmissionpolicybindings',
  strategy: strategyOf(
    { spec: true, generation: true },
    {
      validate: validateValidatingBinding,
      validateUpdate: validateValidatingBinding,
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
