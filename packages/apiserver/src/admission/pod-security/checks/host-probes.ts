import type { Container } from '@canopus/api/core/v1'
import { type Check, containersOf, named, namesWhere, type Rule, sorted } from '../check.ts'

function hostsOf(container: Container): string[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
  return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
    .flatMap(handler => [handler?.httpGet?.host, handler?.tcpSocket?.host])
    .filter(host => host !== undefined)
    .filter(host => host !== '')
}

/** Probes and hooks must not make the kubelet call other hosts than the pod. */
const rule: Rule = spec => {
  const bad = sorted(namesWhere(spec, container => hostsOf(container).length > 0))
  if (bad.length === 0) return undefined
  const hosts = sorted(containersOf(spec).flatMap(hostsOf))
  const verb = bad.length === 1 ? 'uses' : 'use'
  return {
    reason: 'probe or lifecycle host',
    detail: `${named('container', bad)} ${verb} ${named('probe or lifecycle host', hosts)}`,
  }
}

export const hostProbesAndHostLifecycle: Check = {
  id: 'hostProbesAndHostLifecycle',
  level: 'baseline',
  versions: [{ since: 34, rule }],
}
