import type { Container } from '@canopus/api/core/v1'
import {
  type Check,
  containersOf,
  except,
  hasUserNamespace,
  named,
  namesWhere,
  quoted,
  type Rule,
  sorted,
} from '../check.ts'

function badType(container: Container): string | undefined {
  const type = container.securityContext?.procMount
  return type === 'Default' ? undefined : type
}

/** The masks over parts of /proc must stay. */
const rule: Rule = spec => {
  const bad = namesWhere(spec, container => badType(container) !== undefined)
  if (bad.length === 0) return undefined
  const types = sorted(
    containersOf(spec)
      .map(badType)
      .filter(type => type !== undefined),
  )
  return {
    reason: 'procMount',
    detail: `${named('container', bad)} must not set securityContext.procMount to ${quoted(types)}`,
  }
}

export const procMount: Check = {
  id: 'procMount',
  level: 'baseline',
  versions: [
    { since: 0, rule },
    { since: 35, rule: except(hasUserNamespace, rule) },
  ],
}

/** The restricted level makes no exception for user namespaces. */
export const procMountRestricted: Check = {
  id: 'procMount_restricted',
  level: 'restricted',
  versions: [{ since: 35, rule, replaces: ['procMount'] }],
}
