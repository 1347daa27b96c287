import { type FieldError, required } from '@canopus/apimachinery'
import type { PodTemplate } from '../../generated/core.v1.ts'
import { PodTemplates } from '../../resources.ts'
import { templateWarnings } from '../apps/template-warnings.ts'
import type { Errors } from '../shared/check.ts'
import { containerImages, containerNames, formatLabels, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultPodTemplate } from './pod/defaults.ts'
import { checkPodTemplate } from './pod/validate-spec.ts'

function validate({ template }: PodTemplate): FieldError[] {
  const errors: Errors = []
  if (template === undefined) errors.push(required('template'))
  else checkPodTemplate(errors, 'template', template)
  return errors
}

export const PodTemplateKind = defineKind<PodTemplate>({
  type: PodTemplates,
  message: 'core.v1.PodTemplate',
  storagePrefix: 'podtemplates',
  strategy: strategyOf(
    { generation: true },
    {
      warnings: templateWarnings('template', each => each.template),
      default: object => defaultPodTemplate(object.template),
      validate,
      validateUpdate: validate,
    },
  ),
  columns: [
    nameColumn,
    text('Containers', 'Names of each container in the template.', each =>
      containerNames(each.template?.spec?.containers ?? []),
    ),
    text('Images', 'Images referenced by each container in the template.', each =>
      containerImages(each.template?.spec?.containers ?? []),
    ),
    text('Pod Labels', 'The labels for the pod template.', each => formatLabels(each.template?.metadata?.labels)),
  ],
})
