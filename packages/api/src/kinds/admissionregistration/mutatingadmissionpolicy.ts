import type { MutatingAdmissionPolicy } from '../../generated/admissionregistration.v1.ts'
import { MutatingAdmissionPolicies } from '../../resources.ts'
import { ageColumn, integer, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultPolicy } from './defaults.ts'
import { paramKindText } from './policy-columns.ts'
import { validateMutatingPolicy } from './validation.ts'

export const MutatingAdmissionPolicyKind = defineKind<MutatingAdmissionPolicy>({
  type: MutatingAdmissionPolicies,
  message: 'admissionregistration.v1.MutatingAdmissionPolicy',
  storagePrefix: 'mutatingadmissionpolicies',
  strategy: strategyOf<MutatingAdmissionPolicy>(
    { generation: true },
    {
      validate: policy => validateMutatingPolicy(policy),
      validateUpdate: validateMutatingPolicy,
      allowUnconditionalUpdate: false,
      default: defaultPolicy,
    },
  ),
  columns: [
    nameColumn,
    integer(
      'Mutations',
      'Mutation indicates the number of mutations rules defined in this configuration',
      each => each.spec?.mutations?.length ?? 0,
    ),
    text('ParamKind', 'ParamKind specifies the kind of resources used to parameterize this policy', each =>
      paramKindText(each.spec?.paramKind),
    ),
    ageColumn,
  ],
})
