import type { Container, Pod } from '@canopus/api/core/v1'

/** A config map or secret that a pod refers to. */
export interface Reference {
  readonly kind: 'configMap' | 'secret'
  readonly namespace: string
  readonly name: string
}

/** Every config map and secret that a pod refers to, each once (upstream pkg/api/v1/pod/util.go, VisitPodConfigmapNames and VisitPodSecretNames). */
export function referencesOf(pod: Pod): Reference[] {
  const namespace = pod.metadata.namespace ?? ''
  const found = new Map<string, Reference>()
  const add = (kind: Reference['kind'], name: string | undefined): void => {
    if (name !== undefined && name !== '') found.set(`${kind}/${name}`, { kind, namespace, name })
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add('secret', name)
  for (const volume of pod.spec.volumes ?? []) {
    add('configMap', volume.configMap?.name)
    add('secret', volume.secret?.secretName)
    for (const source of volume.projected?.sources ?? []) {
      add('configMap', source.configMap?.name)
      add('secret', source.secret?.name)
    }
  }
  for (const container of containersOf(pod)) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      add('configMap', configMapRef?.name)
      add('secret', secretRef?.name)
    }
    for (const { valueFrom } of container.env ?? []) {
      add('configMap', valueFrom?.configMapKeyRef?.name)
      add('secret', valueFrom?.secretKeyRef?.name)
    }
  }
  return [...found.values()]
}

function containersOf({ spec }: Pod): Pick<Container, 'env' | 'envFrom'>[] {
  return [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])]
}
