import { formatSelector, labelSelector } from '@canopus/apimachinery'
import type { Deployment, DeploymentSpec } from '../../generated/apps.v1.ts'
import { Deployments } from '../../resources.ts'
import { defaultPodTemplate } from '../core/pod/defaults.ts'
import { ageColumn, nameColumn, of, templateColumns, text } from '../shared/columns.ts'
import { copyField, defineKind, strategyOf } from '../shared/strategy.ts'
import { templateWarnings } from './template-warnings.ts'
import { validateDeployment, validateDeploymentStatusUpdate, validateDeploymentUpdate } from './validation.ts'

function defaultDeployment(object: Deployment): void {
  object.spec ??= {} as DeploymentSpec
  const { spec } = object
  spec.replicas ??= 1
  spec.revisionHistoryLimit ??= 10
  spec.progressDeadlineSeconds ??= 600
  spec.strategy ??= {}
  spec.strategy.type ||= 'RollingUpdate'
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {}
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%'
    spec.strategy.rollingUpdate.maxSurge ??= '25%'
  }
  defaultPodTemplate(spec.template)
}

/** Labels are the user's; controllers that report status keep their hands off them. */
function prepareForStatusUpdate(object: Deployment, old: Deployment): void {
  copyField(object.metadata, old.metadata, 'labels')
}

/** As printDeployment has it, which goes another way than the printers of other workloads. */
function selectorText({ spec }: Deployment): string {
  try {
    return spec.selector === undefined ? '' : formatSelector(labelSelector(spec.selector))
  } catch {
    return '<invalid>'
  }
}

export const DeploymentKind = defineKind<Deployment>({
  type: Deployments,
  message: 'apps.v1.Deployment',
  storagePrefix: 'deployments',
  strategy: strategyOf(
    { status: () => ({}), generation: true, annotationsCount: true },
    {
      warnings: templateWarnings('spec.template', each => each.spec.template, { namesPods: true }),
      default: defaultDeployment,
      validate: validateDeployment,
      validateUpdate: validateDeploymentUpdate,
      validateStatusUpdate: validateDeploymentStatusUpdate,
      prepareForStatusUpdate,
      statusLeaves: ['labels'],
    },
  ),
  columns: [
    nameColumn,
    text(
      'Ready',
      'Number of the pod with ready state',
      each => `${each.status?.readyReplicas ?? 0}/${each.spec.replicas ?? 0}`,
    ),
    text('Up-to-date', of('apps.v1.DeploymentStatus.updatedReplicas'), each => each.status?.updatedReplicas ?? 0),
    text('Available', of('apps.v1.DeploymentStatus.availableReplicas'), each => each.status?.availableReplicas ?? 0),
    ageColumn,
    ...templateColumns<Deployment>(each => each.spec.template, selectorText, 'apps.v1.DeploymentSpec.selector'),
  ],
})
