import { checkDns1035Label, checkDns1123Label, isFeatureOn } from '@canopus/apimachinery'
import type { Service } from '../../generated/core.v1.ts'
import { Services } from '../../resources.ts'
import { ageColumn, formatLabels, nameColumn, of, text, wide } from '../shared/columns.ts'
import { loadBalancerAddresses } from '../shared/load-balancer.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { balancerWarnings } from '../shared/warnings.ts'
import { completeService, defaultService } from './service/defaults.ts'
import { prepareForCreate, prepareForUpdate } from './service/strategy.ts'
import { validateService, validateServiceStatusUpdate, validateServiceUpdate } from './service/validation.ts'
import { serviceWarnings } from './service/warnings.ts'

function externalAddress({ spec, status }: Service): string {
  const ips = spec.externalIPs ?? []
  switch (spec.type) {
    case 'ClusterIP':
    case 'NodePort':
      return ips.length > 0 ? ips.join(',') : '<none>'
    case 'LoadBalancer': {
      const addresses = loadBalancerAddresses(status?.loadBalancer)
      const all = ips.length > 0 ? [...(addresses === '' ? [] : addresses.split(',')), ...ips].join(',') : addresses
      return all === '' ? '<pending>' : all
    }
    case 'ExternalName':
      return spec.externalName ?? ''
    default:
      return '<unknown>'
  }
}

const portsText = ({ spec }: Service): string =>
  (spec.ports ?? [])
    .map(each => `${(each.nodePort ?? 0) > 0 ? `${each.port}:${each.nodePort}` : each.port}/${each.protocol}`)
    .join(',') || '<none>'

export const ServiceKind = defineKind<Service>({
  type: Services,
  message: 'core.v1.Service',
  storagePrefix: 'services/specs',
  strategy: strategyOf(
    { status: () => ({ loadBalancer: {} }) },
    {
      default: defaultService,
      completeStored: completeService,
      prepareForCreate,
      prepareForUpdate,
      validate: validateService,
      validateUpdate: validateServiceUpdate,
      validateStatusUpdate: validateServiceStatusUpdate,
      validateName: name => (isFeatureOn('RelaxedServiceNameValidation') ? checkDns1123Label : checkDns1035Label)(name),
      warnings: serviceWarnings,
      statusWarnings: balancerWarnings,
      allowCreateOnUpdate: true,
    },
  ),
  columns: [
    nameColumn,
    text('Type', of('core.v1.ServiceSpec.type'), service => service.spec.type ?? ''),
    text('Cluster-IP', of('core.v1.ServiceSpec.clusterIP'), service => service.spec.clusterIPs?.[0] ?? '<none>'),
    text('External-IP', of('core.v1.ServiceSpec.externalIPs'), externalAddress),
    text('Port(s)', of('core.v1.ServiceSpec.ports'), portsText),
    ageColumn,
    wide('Selector', of('core.v1.ServiceSpec.selector'), service => formatLabels(service.spec.selector)),
  ],
  selectableFields: {
    'spec.clusterIP': service => service.spec.clusterIP ?? '',
    'spec.type': service => service.spec.type ?? '',
  },
})
