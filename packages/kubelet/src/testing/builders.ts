import type { Pod, PodSpec } from '@canopus/api/core/v1'
import { containerHash } from '../runtime/hash.ts'
import type { ContainerRecord, PodRuntime, SandboxRecord } from '../runtime/pod-runtime.ts'

/** A pod with one container `main` unless the spec says otherwise. */
export function buildPod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'u1',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { containers: [{ name: 'main', image: 'x' }], restartPolicy: 'Always', ...spec },
  }
}

export function buildSandbox(change: Partial<SandboxRecord> = {}): SandboxRecord {
  return { id: 's0', attempt: 0, ready: true, createdAt: 1, ips: ['10.0.0.5'], hostNetwork: false, ...change }
}

export function buildContainer(change: Partial<ContainerRecord> = {}): ContainerRecord {
  const name = change.name ?? 'main'
  return {
    id: `${name}-0`,
    name,
    sandboxId: 's0',
    attempt: 0,
    state: 'running',
    createdAt: 1000,
    startedAt: 2000,
    finishedAt: 0,
    exitCode: 0,
    reason: '',
    message: '',
    image: 'x',
    imageId: 'sha256:1',
    logPath: '/logs/0.log',
    hash: containerHash({ name, image: 'x' }),
    annotations: {},
    ...change,
  }
}

export function buildRuntime(containers: readonly ContainerRecord[], sandboxes = [buildSandbox()]): PodRuntime {
  return { uid: 'u1', name: 'web', namespace: 'default', sandboxes, containers }
}
