import { checkPathSegmentName } from '@canopus/apimachinery'
import type { APIService } from '../../generated/apiregistration.v1.ts'
import type { StrategyContext } from '../../kind.ts'
import { APIServices } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateApiService, validateApiServiceStatus } from './validation.ts'

const serviceText = ({ spec }: APIService): string =>
  spec.service ? `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}` : 'Local'

function availableText({ status }: APIService): string {
  const condition = status?.conditions?.find(each => each.type === 'Available')
  if (condition === undefined) return 'Unknown'
  return condition.status === 'True' || !condition.reason
    ? condition.status
    : `${condition.status} (${condition.reason})`
}

/** Groups that this server serves itself are available from the start. */
function markLocal({ spec, status }: APIService, { now }: StrategyContext): void {
  if (spec.service !== undefined) return
  status!.conditions = [
    {
      type: 'Available',
      status: 'True',
      lastTransitionTime: now,
      reason: 'Local',
      message: 'Local APIServices are always available',
    },
  ]
}

export const APIServiceKind = defineKind<APIService>({
  type: APIServices,
  message: 'apiregistration.v1.APIService',
  storagePrefix: 'apiregistration.k8s.io/apiservices',
  strategy: strategyOf(
    { spec: true, status: () => ({}), statusLeavesMetadata: true },
    {
      // The core group has an empty name: `v1.`.
      validateName: checkPathSegmentName,
      validate: validateApiService,
      validateUpdate: validateApiService,
      validateStatusUpdate: validateApiServiceStatus,
      default({ spec }) {
        if (spec?.service) spec.service.port ??= 443
      },
      prepareForCreate: markLocal,
      allowUnconditionalUpdate: false,
    },
  ),
  columns: [
    nameColumn,
    text('Service', 'The reference to the service that hosts this API endpoint.', serviceText),
    text('Available', 'Whether this service is available.', availableText),
    ageColumn,
  ],
})
