/** Likely mistakes in pods, sent as `Warning` headers (k8s.io/kubernetes/pkg/api/pod/warnings.go). */
import { milliValue } from '@canopus/apimachinery'
import type { Container, EphemeralContainer, Pod, PodSpec } from '../../../generated/core.v1.ts'

const OLD_LABELS: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}

const WHOLE_BYTES = ['memory', 'ephemeral-storage']

/** Warnings about a spec at `path`, such as `spec.template.spec`. */
export function podSpecWarnings(path: string, spec: PodSpec | undefined): string[] {
  if (spec === undefined) return []
  const warnings: string[] = []
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    if (Object.hasOwn(OLD_LABELS, key)) warnings.push(`${path}.nodeSelector[${key}]: ${OLD_LABELS[key]}`)
  }
  for (const [index, { name }] of (spec.imagePullSecrets ?? []).entries()) {
    if (!name)
      warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ${JSON.stringify(name ?? '')}`)
  }
  for (const [index, { gitRepo }] of (spec.volumes ?? []).entries()) {
    if (gitRepo)
      warnings.push(`${path}.volumes[${index}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+`)
  }
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    )
  }
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      warnAboutContainer(warnings, `${path}.${list}[${index}]`, container)
    }
  }
  return warnings
}

function warnAboutContainer(warnings: string[], path: string, container: Container | EphemeralContainer): void {
  for (const kind of ['limits', 'requests'] as const) {
    for (const name of WHOLE_BYTES) {
      const amount = container.resources?.[kind]?.[name]
      if (amount === undefined || milliValue(amount) % 1000 === 0) continue
      const text = `fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`
      warnings.push(`${path}.resources.${kind}[${name}]: ${text}`)
    }
  }
  const variables = new Map<string, number>()
  for (const [index, { name }] of (container.env ?? []).entries()) {
    if (variables.has(name)) {
      const text = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`
      warnings.push(`${path}.env[${index}]: ${text}`)
    }
    variables.set(name, index)
  }
  const ports = new Map<string, number>()
  for (const [index, { containerPort, protocol, hostIP, hostPort }] of (container.ports ?? []).entries()) {
    const key = `${containerPort}/${protocol}/${hostIP ?? ''}/${hostPort ?? 0}`
    const first = ports.get(key)
    if (first !== undefined) {
      warnings.push(`${path}.ports[${index}]: duplicate port definition with ${path}.ports[${first}]`)
    } else ports.set(key, index)
  }
}

/** Warnings about a pod that is new; what was wrong before is not said again. */
export function podWarnings(pod: Pod, old: Pod | undefined): string[] {
  return old === undefined ? podSpecWarnings('spec', pod.spec) : []
}
