/** Workloads of every kind, made by chance. */
import type { DaemonSet, Deployment, StatefulSet } from '@canopus/api/apps/v1'
import type { HorizontalPodAutoscaler } from '@canopus/api/autoscaling/v2'
import type { CronJob, Job } from '@canopus/api/batch/v1'
import type { PodTemplateSpec } from '@canopus/api/core/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Random } from '@canopus/base'
import { SIMULATION_ANNOTATIONS } from '../simulated-pod.ts'
import { between, chance, pick } from './choices.ts'

function template(random: Random, name: string, restartPolicy = 'Always'): PodTemplateSpec {
  const known = SIMULATION_ANNOTATIONS
  const annotations: Record<string, string> = {
    [known.startDelay]: `${between(random, 0, 8)}s`,
    [known.readyDelay]: `${pick(random, [0, 0, 2, 10])}s`,
    [known.stopDelay]: `${pick(random, [0, 1, 15])}s`,
  }
  if (restartPolicy !== 'Always') {
    annotations[known.runFor] = `${between(random, 0, 30)}s`
    annotations[known.failureChance] = pick(random, ['0', '0.1', '0.4'])
  }
  const requests = { cpu: pick(random, ['100m', '500m', '1']), memory: pick(random, ['64Mi', '512Mi']) }
  return {
    metadata: { labels: { app: name }, annotations },
    spec: { restartPolicy, containers: [{ name: 'main', image: 'example', resources: { requests } }] },
  } as PodTemplateSpec
}

export function deployment(random: Random, name: string): Draft<Deployment> {
  const rolling = {
    type: 'RollingUpdate',
    rollingUpdate: pick(random, [
      { maxSurge: 1, maxUnavailable: 0 },
      { maxSurge: '25%', maxUnavailable: '25%' },
      { maxSurge: 0, maxUnavailable: 1 },
      { maxSurge: 2, maxUnavailable: 2 },
    ]),
  }
  return {
    metadata: { name },
    spec: {
      replicas: between(random, 1, 6),
      strategy: chance(random, 0.25) ? { type: 'Recreate' } : rolling,
      minReadySeconds: pick(random, [0, 0, 5]),
      selector: { matchLabels: { app: name } },
      template: template(random, name),
    },
  }
}

export function statefulSet(random: Random, name: string): Draft<StatefulSet> {
  return {
    metadata: { name },
    spec: {
      serviceName: name,
      replicas: between(random, 1, 4),
      podManagementPolicy: pick(random, ['OrderedReady', 'Parallel']),
      selector: { matchLabels: { app: name } },
      template: template(random, name),
    },
  }
}

export function daemonSet(random: Random, name: string): Draft<DaemonSet> {
  const rollingUpdate = pick(random, [{ maxUnavailable: 1 }, { maxSurge: 1, maxUnavailable: 0 }])
  return {
    metadata: { name },
    spec: {
      updateStrategy: { type: 'RollingUpdate', rollingUpdate },
      selector: { matchLabels: { app: name } },
      template: template(random, name),
    },
  }
}

export function job(random: Random, name: string): Draft<Job> {
  return {
    metadata: { name },
    spec: {
      parallelism: between(random, 1, 4),
      completions: between(random, 1, 6),
      completionMode: pick(random, ['NonIndexed', 'Indexed']),
      backoffLimit: between(random, 2, 6),
      template: template(random, name, pick(random, ['Never', 'OnFailure'])),
    },
  }
}

/** Each minute, some of whose jobs take longer. */
export function cronJob(random: Random, name: string): Draft<CronJob> {
  return {
    metadata: { name },
    spec: {
      schedule: '* * * * *',
      concurrencyPolicy: pick(random, ['Allow', 'Forbid', 'Replace']),
      startingDeadlineSeconds: pick(random, [10, 100]),
      successfulJobsHistoryLimit: between(random, 0, 2),
      failedJobsHistoryLimit: between(random, 0, 1),
      jobTemplate: { spec: job(random, name).spec! },
    },
  }
}

export function autoscaler(random: Random, kind: string, name: string): Draft<HorizontalPodAutoscaler> {
  const minReplicas = between(random, 1, 3)
  const target = { type: 'Utilization', averageUtilization: pick(random, [50, 80]) }
  return {
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind, name },
      minReplicas,
      maxReplicas: minReplicas + between(random, 0, 4),
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
    },
  }
}

/** What all pods of a workload use together, as annotations of it: nothing to more than its autoscaler may give it. */
export function load(random: Random): Readonly<Record<string, string>> {
  return { [SIMULATION_ANNOTATIONS.cpu]: pick(random, ['0', '200m', '1', '4']) }
}
