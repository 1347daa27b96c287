import type { Container } from '@canopus/api/core/v1'
import { type Check, containersOf, named, namesWhere, plural, type Rule, sorted } from '../check.ts'

const hostPortsOf = (container: Container): string[] =>
  (container.ports ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []))

const rule: Rule = spec => {
  const bad = namesWhere(spec, container => hostPortsOf(container).length > 0)
  if (bad.length === 0) return undefined
  const ports = sorted(containersOf(spec).flatMap(hostPortsOf))
  const verb = bad.length === 1 ? 'uses' : 'use'
  return {
    reason: 'hostPort',
    detail: `${named('container', bad)} ${verb} ${plural('hostPort', ports.length)} ${ports.join(', ')}`,
  }
}

export const hostPorts: Check = {
  id: 'hostPorts',
  level: 'baseline',
  versions: [{ since: 0, rule }],
}
