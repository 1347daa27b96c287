import type { Container } from '@canopus/api/core/v1'
import { type Check, containersOf, named, namesWhere, quoted, type Rule, sorted } from '../check.ts'

/** What container runtimes give by default, without NET_RAW. */
const ALLOWED: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

const badOnes = (container: Container): string[] =>
  (container.securityContext?.capabilities?.add ?? []).filter(capability => !ALLOWED.has(capability))

const rule: Rule = spec => {
  const bad = namesWhere(spec, container => badOnes(container).length > 0)
  if (bad.length === 0) return undefined
  const capabilities = sorted(containersOf(spec).flatMap(badOnes))
  return {
    reason: 'non-default capabilities',
    detail: `${named('container', bad)} must not include ${quoted(capabilities)} in securityContext.capabilities.add`,
  }
}

export const capabilitiesBaseline: Check = {
  id: 'capabilities_baseline',
  level: 'baseline',
  versions: [{ since: 0, rule }],
}
