import type { PriorityLevelConfiguration } from '../../generated/flowcontrol.v1.ts'
import { PriorityLevelConfigurations } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateFlowStatusUpdate, validatePriorityLevel } from './validation.ts'

const NONE = '<none>'
type Level = PriorityLevelConfiguration

function defaultLevel({ spec }: Level): void {
  if (spec?.exempt) {
    spec.exempt.nominalConcurrencyShares ??= 0
    spec.exempt.lendablePercent ??= 0
  }
  if (!spec?.limited) return
  spec.limited.nominalConcurrencyShares ??= 30
  spec.limited.lendablePercent ??= 0
  const queues = spec.limited.limitResponse?.queuing
  if (!queues) return
  queues.queues ||= 64
  queues.handSize ||= 8
  queues.queueLengthLimit ||= 50
}

const queuing = (level: Level) => level.spec.limited?.limitResponse?.queuing

export const PriorityLevelConfigurationKind = defineKind<Level>({
  type: PriorityLevelConfigurations,
  message: 'flowcontrol.v1.PriorityLevelConfiguration',
  storagePrefix: 'prioritylevelconfigurations',
  strategy: strategyOf(
    { spec: true, status: () => ({}), generation: true, statusLeavesMetadata: true },
    {
      validate: validatePriorityLevel,
      validateUpdate: validatePriorityLevel,
      validateStatusUpdate: validateFlowStatusUpdate,
      default: defaultLevel,
    },
  ),
  columns: [
    nameColumn,
    text('Type', of('flowcontrol.v1.PriorityLevelConfigurationSpec.type'), level => level.spec.type),
    text(
      'NominalConcurrencyShares',
      of('flowcontrol.v1.LimitedPriorityLevelConfiguration.nominalConcurrencyShares'),
      level => level.spec.limited?.nominalConcurrencyShares ?? NONE,
    ),
    text('Queues', of('flowcontrol.v1.QueuingConfiguration.queues'), level => queuing(level)?.queues ?? NONE),
    text('HandSize', of('flowcontrol.v1.QueuingConfiguration.handSize'), level => queuing(level)?.handSize ?? NONE),
    text(
      'QueueLengthLimit',
      of('flowcontrol.v1.QueuingConfiguration.queueLengthLimit'),
      level => queuing(level)?.queueLengthLimit ?? NONE,
    ),
    ageColumn,
  ],
})
