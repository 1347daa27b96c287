import { type Check, except, isWindows, named, namesWhere, type Rule } from '../check.ts'

/** Containers must give up setuid programs and the like. */
const rule: Rule = spec => {
  const bad = namesWhere(spec, container => container.securityContext?.allowPrivilegeEscalation !== false)
  if (bad.length === 0) return undefined
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${named('container', bad)} must set securityContext.allowPrivilegeEscalation=false`,
  }
}

export const allowPrivilegeEscalation: Check = {
  id: 'allowPrivilegeEscalation',
  level: 'restricted',
  versions: [
    { since: 8, rule },
    { since: 25, rule: except(isWindows, rule) },
  ],
}
