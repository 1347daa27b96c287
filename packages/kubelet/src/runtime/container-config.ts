import type { Container, Pod } from '@canopus/api/core/v1'
import type { ContainerConfig, LinuxContainerResources, LinuxContainerSecurityContext, Mount } from '@canopus/cri'
import { expand } from '../env/expand.ts'
import { containerHash } from './hash.ts'
import {
  CONTAINER_HASH,
  CONTAINER_NAME,
  GRACE_PERIOD,
  MEMORY_REQUEST,
  POD_NAME,
  POD_NAMESPACE,
  POD_UID,
  PRE_STOP,
  RESTART_COUNT,
  TERMINATION_MESSAGE_PATH,
  TERMINATION_MESSAGE_POLICY,
} from './labels.ts'
import { memoryRequest } from './resources.ts'

export interface ContainerFacts {
  attempt: number
  imageRef: string
  environment: ReadonlyMap<string, string>
  mounts: readonly Mount[]
  resources: LinuxContainerResources
  security: LinuxContainerSecurityContext
}

export const DEFAULT_TERMINATION_PATH = '/dev/termination-log'

export function containerConfig(pod: Pod, container: Container, facts: ContainerFacts): ContainerConfig {
  const lookup = (name: string): string | undefined => facts.environment.get(name)
  const { name, uid, namespace = '' } = pod.metadata
  return {
    metadata: { name: container.name, attempt: facts.attempt },
    image: { image: facts.imageRef, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map(part => expand(part, lookup)),
    args: (container.args ?? []).map(part => expand(part, lookup)),
    workingDir: container.workingDir ?? '',
    envs: [...facts.environment].map(([key, value]) => ({ key, value })),
    mounts: facts.mounts,
    labels: { [POD_NAME]: name, [POD_NAMESPACE]: namespace, [POD_UID]: uid, [CONTAINER_NAME]: container.name },
    annotations: {
      [CONTAINER_HASH]: containerHash(container),
      [RESTART_COUNT]: String(facts.attempt),
      [TERMINATION_MESSAGE_PATH]: container.terminationMessagePath ?? DEFAULT_TERMINATION_PATH,
      [TERMINATION_MESSAGE_POLICY]: container.terminationMessagePolicy ?? 'File',
      [GRACE_PERIOD]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
      [MEMORY_REQUEST]: String(memoryRequest(container)),
      ...(container.lifecycle?.preStop && { [PRE_STOP]: JSON.stringify(container.lifecycle.preStop) }),
    },
    logPath: `${container.name}/${facts.attempt}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: { resources: facts.resources, securityContext: facts.security },
  }
}
