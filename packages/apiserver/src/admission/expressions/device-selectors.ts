/** Selectors of devices must compile when they are written (pkg/apis/resource/validation, validateCELSelector). */
import type { DeviceClass, DeviceSelector, ResourceClaim, ResourceClaimTemplate } from '@canopus/api/resource/v1'
import { type FieldError, forbidden, invalid } from '@canopus/apimachinery'
import { compileDeviceSelector, DEVICE_COST_LIMIT } from '@canopus/cel'

/** Longer ones are refused unread, elsewhere. */
const LONGEST = 10 * 1024

export const deviceClassFindings = ({ spec }: DeviceClass): FieldError[] => findings(spec.selectors, 'spec.selectors')

export const claimFindings = ({ spec }: ResourceClaim): FieldError[] => specFindings(spec, 'spec')

export const claimTemplateFindings = ({ spec }: ResourceClaimTemplate): FieldError[] =>
  specFindings(spec.spec, 'spec.spec')

function specFindings(spec: ResourceClaim['spec'] | undefined, path: string): FieldError[] {
  return (spec?.devices?.requests ?? []).flatMap(({ exactly, firstAvailable = [] }, index) => {
    const at = `${path}.devices.requests[${index}]`
    return [
      ...findings(exactly?.selectors, `${at}.exactly.selectors`),
      ...firstAvailable.flatMap((each, which) => findings(each.selectors, `${at}.firstAvailable[${which}].selectors`)),
    ]
  })
}

function findings(selectors: readonly DeviceSelector[] | undefined, path: string): FieldError[] {
  return (selectors ?? []).flatMap(({ cel }, index) => {
    if (cel === undefined) return []
    const { expression = '' } = cel
    if (Buffer.byteLength(expression) > LONGEST) return []
    const field = `${path}[${index}].cel.expression`
    const compiled = compileDeviceSelector(expression)
    if ('error' in compiled) return [invalid(field, expression, compiled.error)]
    return compiled.maxCost <= DEVICE_COST_LIMIT ? [] : [forbidden(field, 'too complex, exceeds cost limit')]
  })
}
