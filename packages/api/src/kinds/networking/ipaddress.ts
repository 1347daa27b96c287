import type { IPAddress } from '../../generated/networking.v1.ts'
import { IPAddresses } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { checkAddressName, validateAddress, validateAddressUpdate } from './address-validation.ts'

function parentText({ spec }: IPAddress): string {
  const parent = spec?.parentRef
  if (parent === undefined) return '<none>'
  const resource = parent.group ? `${parent.resource ?? ''}.${parent.group}` : (parent.resource ?? '')
  return `${resource.toLowerCase()}/${parent.namespace ? `${parent.namespace}/` : ''}${parent.name ?? ''}`
}

export const IPAddressKind = defineKind<IPAddress>({
  type: IPAddresses,
  message: 'networking.v1.IPAddress',
  storagePrefix: 'ipaddresses',
  strategy: strategyOf(
    { spec: true },
    { validate: validateAddress, validateUpdate: validateAddressUpdate, validateName: checkAddressName },
  ),
  columns: [
    nameColumn,
    text('ParentRef', of('networking.v1.IPAddressSpec.parentRef'), parentText),
    { ...ageColumn, untold: true },
  ],
})
