import type { Container } from '@canopus/api/core/v1'
import { type Check, containersOf, except, isWindows, named, namesWhere, quoted, type Rule, sorted } from '../check.ts'

const badOnes = (container: Container): string[] =>
  (container.securityContext?.capabilities?.add ?? []).filter(capability => capability !== 'NET_BIND_SERVICE')

/** All capabilities must be dropped; only that of binding low ports may be taken back. */
const rule: Rule = spec => {
  const details: string[] = []
  const keeping = namesWhere(spec, container => !container.securityContext?.capabilities?.drop?.includes('ALL'))
  if (keeping.length > 0)
    details.push(`${named('container', keeping)} must set securityContext.capabilities.drop=["ALL"]`)
  const adding = namesWhere(spec, container => badOnes(container).length > 0)
  if (adding.length > 0) {
    const capabilities = sorted(containersOf(spec).flatMap(badOnes))
    details.push(
      `${named('container', adding)} must not include ${quoted(capabilities)} in securityContext.capabilities.add`,
    )
  }
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const replaces = ['capabilities_baseline']

export const capabilitiesRestricted: Check = {
  id: 'capabilities_restricted',
  level: 'restricted',
  versions: [
    { since: 22, rule, replaces },
    { since: 25, rule: except(isWindows, rule), replaces },
  ],
}
