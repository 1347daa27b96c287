import type { Service } from '@canopus/api/core/v1'
import type { AdmissionPlugin } from '../security.ts'
import { refusal } from './shared.ts'

/** Services take no external addresses but those that they have (plugin/pkg/admission/network/denyserviceexternalips). */
export const denyServiceExternalIPs: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  operations: ['CREATE', 'UPDATE'],
  resources: ['/services'],
  validate(attributes) {
    const { spec } = attributes.object as Service
    const known = (attributes.oldObject as Service | undefined)?.spec.externalIPs ?? []
    if ((spec.externalIPs ?? []).every(address => known.includes(address))) return
    throw refusal(attributes, 'Use of external IPs is denied by admission control')
  },
}

/** Nothing is changed any more (plugin/pkg/admission/deny). */
export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  operations: ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'],
  mutate(attributes) {
    throw refusal(attributes, 'admission control is denying all modifications')
  },
}
