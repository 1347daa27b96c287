import type { ValidatingAdmissionPolicy } from '../../generated/admissionregistration.v1.ts'
import { ValidatingAdmissionPolicies } from '../../resources.ts'
import { ageColumn, integer, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultPolicy } from './defaults.ts'
import { paramKindText } from './policy-columns.ts'
import { validateValidatingPolicy, validateValidatingPolicyStatus } from './validation.ts'

export const ValidatingAdmissionPolicyKind = defineKind<ValidatingAdmissionPolicy>({
  type: ValidatingAdmissionPolicies,
  message: 'admissionregistration.v1.ValidatingAdmissionPolicy',
  storagePrefix: 'validatingadmissionpolicies',
  strategy: strategyOf<ValidatingAdmissionPolicy>(
    { status: () => ({}), generation: true, statusLeavesMetadata: true },
    {
      validate: policy => validateValidatingPolicy(policy),
      validateUpdate: validateValidatingPolicy,
      validateStatusUpdate: validateValidatingPolicyStatus,
      allowUnconditionalUpdate: false,
      default: defaultPolicy,
    },
  ),
  columns: [
    nameColumn,
    integer(
      'Validations',
      'Validations indicates the number of validation rules defined in this configuration',
      each => each.spec?.validations?.length ?? 0,
    ),
    text('ParamKind', 'ParamKind specifies the kind of resources used to parameterize this policy', each =>
      paramKindText(each.spec?.paramKind),
    ),
    ageColumn,
  ],
})
