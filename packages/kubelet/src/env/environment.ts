import type { ConfigMap, Container, EnvFromSource, EnvVar, Pod, Secret } from '@canopus/api/core/v1'
import { type DownwardFacts, fieldValue, resourceValue } from './downward.ts'
import { expand } from './expand.ts'

/** Objects that a pod refers to. `undefined` where there is none of that name. */
export interface ReferencedObjects {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>
  secret(namespace: string, name: string): Promise<Secret | undefined>
}

/** A container that cannot be made as its spec says (CreateContainerConfigError). */
export class ContainerConfigError extends Error {}

/**
 * A container's environment, in order: services, `envFrom`, `env`; later ones win, and `env` may refer to those before it
 * (upstream pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables). Throws `ContainerConfigError`, `DownwardError`.
 */
export async function makeEnvironment(
  pod: Pod,
  container: Container,
  services: ReadonlyMap<string, string>,
  objects: ReferencedObjects,
  facts: DownwardFacts,
): Promise<Map<string, string>> {
  const result = new Map<string, string>()
  for (const source of container.envFrom ?? []) await addAll(result, source, pod, objects)
  const own = new Map<string, string>()
  for (const variable of container.env ?? []) {
    const value = await variableValue(
      variable,
      pod,
      container,
      objects,
      facts,
      name => own.get(name) ?? services.get(name),
    )
    if (value === undefined) continue
    own.set(variable.name, value)
    result.set(variable.name, value)
  }
  for (const [name, value] of services) if (!result.has(name)) result.set(name, value)
  return result
}

async function variableValue(
  variable: EnvVar,
  pod: Pod,
  container: Container,
  objects: ReferencedObjects,
  facts: DownwardFacts,
  lookup: (name: string) => string | undefined,
): Promise<string | undefined> {
  const { valueFrom } = variable
  if (valueFrom === undefined || variable.value) return expand(variable.value ?? '', lookup)
  if (valueFrom.fieldRef) return fieldValue(valueFrom.fieldRef, pod, facts)
  if (valueFrom.resourceFieldRef) return resourceValue(valueFrom.resourceFieldRef, pod, container, facts)
  const namespace = pod.metadata.namespace ?? ''
  if (valueFrom.configMapKeyRef) {
    const { name = '', key, optional } = valueFrom.configMapKeyRef
    const map = await objects.configMap(namespace, name)
    const value = map?.data?.[key]
    if (value !== undefined || optional) return value
    throw new ContainerConfigError(
      map
        ? `couldn't find key ${key} in ConfigMap ${namespace}/${name}`
        : `configmap ${JSON.stringify(name)} not found`,
    )
  }
  if (valueFrom.secretKeyRef) {
    const { name = '', key, optional } = valueFrom.secretKeyRef
    const secret = await objects.secret(namespace, name)
    const value = secret?.data?.[key]
    if (value !== undefined) return Buffer.from(value, 'base64').toString()
    if (optional) return undefined
    throw new ContainerConfigError(
      secret ? `couldn't find key ${key} in Secret ${namespace}/${name}` : `secret ${JSON.stringify(name)} not found`,
    )
  }
  return ''
}

async function addAll(
  result: Map<string, string>,
  source: EnvFromSource,
  pod: Pod,
  objects: ReferencedObjects,
): Promise<void> {
  const namespace = pod.metadata.namespace ?? ''
  const prefix = source.prefix ?? ''
  if (source.configMapRef) {
    const { name = '', optional } = source.configMapRef
    const map = await objects.configMap(namespace, name)
    if (map === undefined && !optional) throw new ContainerConfigError(`configmap ${JSON.stringify(name)} not found`)
    for (const [key, value] of sorted(map?.data)) addIfNamed(result, prefix + key, value)
  }
  if (source.secretRef) {
    const { name = '', optional } = source.secretRef
    const secret = await objects.secret(namespace, name)
    if (secret === undefined && !optional) throw new ContainerConfigError(`secret ${JSON.stringify(name)} not found`)
    for (const [key, value] of sorted(secret?.data))
      addIfNamed(result, prefix + key, Buffer.from(value, 'base64').toString())
  }
}

const sorted = (data: Readonly<Record<string, string>> | undefined): [string, string][] =>
  Object.entries(data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))

/** Names may hold any printable ASCII character but `=`; keys that make no name are passed over. */
function addIfNamed(result: Map<string, string>, name: string, value: string): void {
  if (/^[\x20-\x3c\x3e-\x7e]+$/.test(name)) result.set(name, value)
}
