/** What the bindings of both kinds of admission policies have in common. */
import type { FieldError, KubeObject } from '@canopus/apimachinery'
import type { MatchResources, ParamRef } from '../../generated/admissionregistration.v1.ts'
import type { Kind } from '../../kind.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { strategyOf } from '../shared/strategy.ts'
import { defaultMatchResources } from './defaults.ts'
import { paramRefText } from './policy-columns.ts'

interface PolicyBinding extends KubeObject {
  spec?: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources }
}

export const policyBindingOf = <T extends PolicyBinding>(
  validate: (binding: T) => FieldError[],
): Pick<Kind<T>, 'strategy' | 'columns'> => ({
  strategy: strategyOf<T>(
    { spec: true, generation: true },
    {
      validate,
      validateUpdate: validate,
      allowUnconditionalUpdate: false,
      default({ spec }) {
        defaultMatchResources(spec?.matchResources)
      },
    },
  ),
  columns: [
    nameColumn,
    text(
      'PolicyName',
      'PolicyName indicates the policy definition which the policy binding binded to',
      each => each.spec?.policyName ?? '',
    ),
    text('ParamRef', 'ParamRef indicates the param resource which sets the configuration param', each =>
      paramRefText(each.spec?.paramRef),
    ),
    ageColumn,
  ],
})
