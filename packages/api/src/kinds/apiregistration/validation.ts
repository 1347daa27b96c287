/** k8s.io/kube-aggregator/pkg/apis/apiregistration/validation/validation.go. */
import {
  checkDns1035Label,
  checkDns1123Subdomain,
  type FieldError,
  invalid,
  notSupported,
  rangeMessage,
  required,
} from '@canopus/apimachinery'
import type { APIService } from '../../generated/apiregistration.v1.ts'
import { checkText, type Errors } from '../shared/check.ts'

const MOST_GROUP_PRIORITY = 20000
const MOST_VERSION_PRIORITY = 1000
const STATES = ['True', 'False', 'Unknown']

export function validateApiService({ metadata, spec }: APIService): FieldError[] {
  const errors: Errors = []
  const { group = '', version = '', service, insecureSkipTLSVerify, caBundle } = spec
  const wanted = `${version}.${group}`
  if (metadata.name && metadata.name !== wanted) {
    errors.push(invalid('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`))
  }
  if (group !== '') checkText(errors, 'spec.group', group, checkDns1123Subdomain)
  else if (version !== 'v1')
    errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'))
  checkText(errors, 'spec.version', version, checkDns1035Label)
  checkPriority(errors, 'spec.groupPriorityMinimum', spec.groupPriorityMinimum, MOST_GROUP_PRIORITY)
  checkPriority(errors, 'spec.versionPriority', spec.versionPriority, MOST_VERSION_PRIORITY)
  if (service === undefined) {
    if ((caBundle ?? '') !== '') {
      errors.push(
        invalid('spec.caBundle', `${atob(caBundle!).length} bytes`, 'local APIServices may not have a caBundle'),
      )
    }
    if (insecureSkipTLSVerify) {
      const text = 'local APIServices may not have insecureSkipTLSVerify'
      errors.push(invalid('spec.insecureSkipTLSVerify', insecureSkipTLSVerify, text))
    }
    return errors
  }
  if (!service.namespace) errors.push(required('spec.service.namespace'))
  if (!service.name) errors.push(required('spec.service.name'))
  const port = service.port ?? 0
  if (port < 1 || port > 65535) {
    errors.push(invalid('spec.service.port', port, `port is not valid: ${rangeMessage(1, 65535)}`))
  }
  if (insecureSkipTLSVerify && (caBundle ?? '') !== '') {
    errors.push(invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'))
  }
  return errors
}

export function validateApiServiceStatus({ status }: APIService): FieldError[] {
  return (status?.conditions ?? []).flatMap(({ status: state }, index) =>
    STATES.includes(state) ? [] : [notSupported(`status.conditions[${index}].status`, state ?? '', STATES)],
  )
}

function checkPriority(errors: Errors, field: string, value: number | undefined, most: number): void {
  if (value === undefined || value <= 0 || value > most) {
    errors.push(invalid(field, value ?? 0, `must be positive and less than ${most}`))
  }
}
