import { type Check, culprits, namesWhere, type Rule } from '../check.ts'

const rule: Rule = spec => {
  const who = culprits(
    spec.securityContext?.windowsOptions?.hostProcess === true,
    namesWhere(spec, container => container.securityContext?.windowsOptions?.hostProcess === true),
  )
  if (who === '') return undefined
  return { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` }
}

export const windowsHostProcess: Check = {
  id: 'windowsHostProcess',
  level: 'baseline',
  versions: [{ since: 0, rule }],
}
