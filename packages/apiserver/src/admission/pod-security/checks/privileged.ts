import { type Check, named, namesWhere, type Rule } from '../check.ts'

const rule: Rule = spec => {
  const bad = namesWhere(spec, container => container.securityContext?.privileged === true)
  if (bad.length === 0) return undefined
  return { reason: 'privileged', detail: `${named('container', bad)} must not set securityContext.privileged=true` }
}

export const privileged: Check = {
  id: 'privileged',
  level: 'baseline',
  versions: [{ since: 0, rule }],
}
