import type { PodTemplate } from '../../generated/core.v1.ts'
import { PodTemplates } from '../../resources.ts'
import { containerImages, containerNames, formatLabels, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { defaultPodTemplate } from './pod/defaults.ts'

export const PodTemplateKind = defineKind<PodTemplate>({
  type: PodTemplates,
  message: 'core.v1.PodTemplate',
  storagePrefix: 'podtemplates',
  strategy: strategyOf({ generation: true }, { default: object => defaultPodTemplate(object.template) }),
  columns: [
    nameColumn,
    text('Containers', 'Names of the containers.', each => containerNames(each.template?.spec?.containers ?? [])),
    text('Images', 'Images of the containers.', each => containerImages(each.template?.spec?.containers ?? [])),
    text('Pod Labels', 'Labels that its pods get.', each => formatLabels(each.template?.metadata?.labels)),
  ],
})
