import type { DaemonSet, DaemonSetSpec } from '../../generated/apps.v1.ts'
import { DaemonSets } from '../../resources.ts'
import { defaultPodTemplate } from '../core/pod/defaults.ts'
import {
  ageColumn,
  formatLabelSelector,
  formatLabels,
  integer,
  nameColumn,
  of,
  templateColumns,
  text,
} from '../shared/columns.ts'
import { sameAs } from '../shared/equality.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { templateWarnings } from './template-warnings.ts'
import { validateDaemonSet, validateDaemonSetStatusUpdate, validateDaemonSetUpdate } from './validation.ts'

const bornStatus = () => ({
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
})

function defaultDaemonSet(object: DaemonSet): void {
  object.spec ??= {} as DaemonSetSpec
  if (object.metadata.annotations?.[TEMPLATE_GENERATION] === undefined) setTemplateGeneration(object, 0)
  const { spec } = object
  spec.revisionHistoryLimit ??= 10
  spec.updateStrategy ??= {}
  spec.updateStrategy.type ||= 'RollingUpdate'
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {}
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0
  }
  defaultPodTemplate(spec.template)
}

const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

const countOf = ({ metadata }: DaemonSet): number => Number(metadata.annotations?.[TEMPLATE_GENERATION]) || 0

/** How often the template has changed; older versions of the API had a field for it (pkg/apis/apps/v1/conversion.go). */
function setTemplateGeneration({ metadata }: DaemonSet, count: number): void {
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(count) }
}

function countTemplate(object: DaemonSet, old: DaemonSet): void {
  const changed = !sameAs('core.v1.PodTemplateSpec', object.spec.template, old.spec.template)
  setTemplateGeneration(object, countOf(old) + (changed ? 1 : 0))
}

export const DaemonSetKind = defineKind<DaemonSet>({
  type: DaemonSets,
  message: 'apps.v1.DaemonSet',
  storagePrefix: 'daemonsets',
  strategy: strategyOf(
    { status: bornStatus, generation: true },
    {
      warnings: templateWarnings('spec.template', each => each.spec.template),
      default: defaultDaemonSet,
      prepareForCreate: object => setTemplateGeneration(object, Math.max(1, countOf(object))),
      prepareForUpdate: countTemplate,
      prepareForStatusUpdate: (object, old) => setTemplateGeneration(object, countOf(old)),
      validate: validateDaemonSet,
      validateUpdate: validateDaemonSetUpdate,
      validateStatusUpdate: validateDaemonSetStatusUpdate,
    },
  ),
  fieldAnnotations: [TEMPLATE_GENERATION],
  columns: [
    nameColumn,
    integer(
      'Desired',
      of('apps.v1.DaemonSetStatus.desiredNumberScheduled'),
      each => each.status?.desiredNumberScheduled ?? 0,
    ),
    integer(
      'Current',
      of('apps.v1.DaemonSetStatus.currentNumberScheduled'),
      each => each.status?.currentNumberScheduled ?? 0,
    ),
    integer('Ready', of('apps.v1.DaemonSetStatus.numberReady'), each => each.status?.numberReady ?? 0),
    integer(
      'Up-to-date',
      of('apps.v1.DaemonSetStatus.updatedNumberScheduled'),
      each => each.status?.updatedNumberScheduled ?? 0,
    ),
    integer('Available', of('apps.v1.DaemonSetStatus.numberAvailable'), each => each.status?.numberAvailable ?? 0),
    text('Node Selector', of('core.v1.PodSpec.nodeSelector'), each =>
      formatLabels(each.spec.template?.spec?.nodeSelector),
    ),
    ageColumn,
    ...templateColumns<DaemonSet>(
      each => each.spec.template,
      each => formatLabelSelector(each.spec.selector),
      'apps.v1.DaemonSetSpec.selector',
    ),
  ],
})
