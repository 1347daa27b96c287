import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import type { PodRuntime } from '../runtime/pod-runtime.ts'
import { buildContainer, buildPod, buildRuntime, buildSandbox } from '../testing/builders.ts'
import { planPod } from './plan.ts'

const two = [
  { name: 'main', image: 'x' },
  { name: 'other', image: 'x' },
]
const init = [
  { name: 'first', image: 'x' },
  { name: 'second', image: 'x' },
]
const sidecar = { name: 'side', image: 'x', restartPolicy: 'Always' }
const nothing = buildRuntime([], [])
const done = (name: string, exitCode = 0) => buildContainer({ name, state: 'exited', exitCode, finishedAt: 3000 })
const runs = (name: string) => buildContainer({ name })

interface Case {
  name: string
  pod: Pod
  runtime: PodRuntime
  liveness?: Record<string, boolean>
  startup?: Record<string, boolean>
  /** What is done: `sandbox`, `kill`, `-name` for a stop, `name/attempt` for a start, `~name` for other resources. */
  plan: string
}

const cases: Case[] = [
  {
    name: 'a new pod gets a sandbox and all its containers',
    pod: buildPod({ containers: two }),
    runtime: nothing,
    plan: 'kill sandbox main/0 other/0',
  },
  {
    name: 'init containers come first, one at a time',
    pod: buildPod({ initContainers: init }),
    runtime: nothing,
    plan: 'kill sandbox first/0',
  },
  {
    name: 'the second follows when the first has succeeded',
    pod: buildPod({ initContainers: init }),
    runtime: buildRuntime([done('first')]),
    plan: 'second/0',
  },
  {
    name: 'a running init container is waited for',
    pod: buildPod({ initContainers: init }),
    runtime: buildRuntime([runs('first')]),
    plan: '',
  },
  {
    name: 'after the last one the containers start',
    pod: buildPod({ initContainers: init }),
    runtime: buildRuntime([done('second'), done('first')]),
    plan: 'main/0',
  },
  {
    name: 'a failed init container is tried again',
    pod: buildPod({ initContainers: init }),
    runtime: buildRuntime([done('first', 1)]),
    plan: 'first/1',
  },
  {
    name: 'unless the pod must not restart',
    pod: buildPod({ initContainers: init, restartPolicy: 'Never' }),
    runtime: buildRuntime([done('first', 1)]),
    plan: 'kill',
  },
  {
    name: 'init containers are not run again once the containers were started',
    pod: buildPod({ initContainers: init }),
    runtime: buildRuntime([runs('main')]),
    plan: '',
  },
  {
    name: 'a sidecar only has to be started',
    pod: buildPod({ initContainers: [sidecar] }),
    runtime: buildRuntime([runs('side')]),
    plan: 'main/0',
  },
  {
    name: 'a sidecar with a startup probe has to pass it',
    pod: buildPod({ initContainers: [{ ...sidecar, startupProbe: {} }] }),
    runtime: buildRuntime([runs('side')]),
    plan: '',
  },
  {
    name: 'and then the containers start',
    pod: buildPod({ initContainers: [{ ...sidecar, startupProbe: {} }] }),
    runtime: buildRuntime([runs('side')]),
    startup: { 'side-0': true },
    plan: 'main/0',
  },
  {
    name: 'a sidecar that ended is started again',
    pod: buildPod({ initContainers: [sidecar] }),
    runtime: buildRuntime([done('side'), runs('main')]),
    plan: 'side/1',
  },
  {
    name: 'sidecars end with the last container',
    pod: buildPod({ initContainers: [sidecar], restartPolicy: 'Never' }),
    runtime: buildRuntime([runs('side'), done('main')]),
    plan: 'kill',
  },
  {
    name: 'everything runs: nothing to do',
    pod: buildPod({ containers: two }),
    runtime: buildRuntime([runs('main'), runs('other')]),
    plan: '',
  },
  {
    name: 'Always: a container that succeeded is started again',
    pod: buildPod(),
    runtime: buildRuntime([done('main')]),
    plan: 'main/1',
  },
  {
    name: 'OnFailure: one that failed is',
    pod: buildPod({ restartPolicy: 'OnFailure' }),
    runtime: buildRuntime([done('main', 1)]),
    plan: 'main/1',
  },
  {
    name: 'OnFailure: one that succeeded is not, and the pod ends',
    pod: buildPod({ restartPolicy: 'OnFailure' }),
    runtime: buildRuntime([done('main')]),
    plan: 'kill',
  },
  {
    name: 'Never: one that failed is not',
    pod: buildPod({ restartPolicy: 'Never', containers: two }),
    runtime: buildRuntime([done('main', 1), runs('other')]),
    plan: '',
  },
  {
    name: 'a changed image replaces the container',
    pod: buildPod({ containers: [{ name: 'main', image: 'y' }] }),
    runtime: buildRuntime([runs('main')]),
    plan: '-main main/1',
  },
  {
    name: 'a failed liveness probe restarts the container',
    pod: buildPod(),
    runtime: buildRuntime([runs('main')]),
    liveness: { 'main-0': false },
    plan: '-main main/1',
  },
  {
    name: 'or only stops it where it must not restart',
    pod: buildPod({ restartPolicy: 'Never' }),
    runtime: buildRuntime([runs('main')]),
    liveness: { 'main-0': false },
    plan: '-main',
  },
  {
    name: 'a failed startup probe restarts it too',
    pod: buildPod(),
    runtime: buildRuntime([runs('main')]),
    startup: { 'main-0': false },
    plan: '-main main/1',
  },
  {
    name: 'a container in an unknown state is stopped first',
    pod: buildPod(),
    runtime: buildRuntime([buildContainer({ state: 'unknown' })]),
    plan: '-main main/1',
  },
  {
    name: 'a dead sandbox is made anew',
    pod: buildPod(),
    runtime: buildRuntime([runs('main')], [buildSandbox({ ready: false, attempt: 2 })]),
    plan: 'kill sandbox#3 main/1',
  },
  {
    name: 'but not where the pod has ended',
    pod: buildPod({ restartPolicy: 'Never' }),
    runtime: buildRuntime([done('main')], [buildSandbox({ ready: false })]),
    plan: 'kill',
  },
  {
    name: 'and not for containers that have succeeded',
    pod: buildPod({ restartPolicy: 'OnFailure', containers: two }),
    runtime: buildRuntime([done('main'), done('other', 1)], [buildSandbox({ ready: false })]),
    plan: 'kill sandbox#1 other/1',
  },
  {
    name: 'a sandbox without an address is of no use',
    pod: buildPod(),
    runtime: buildRuntime([], [buildSandbox({ ips: [] })]),
    plan: 'kill sandbox#1 main/0',
  },
  {
    name: 'an ephemeral container is started beside the others',
    pod: buildPod({ ephemeralContainers: [{ name: 'debug', image: 'x' }] }),
    runtime: buildRuntime([runs('main')]),
    plan: 'debug/0',
  },
  {
    name: 'other limits are given to a running container',
    pod: buildPod({ containers: [{ name: 'main', image: 'x', resources: { limits: { cpu: '500m' } } }] }),
    runtime: buildRuntime([
      { ...runs('main'), resources: { cpuQuota: 20_000, cpuShares: 512, memoryLimitInBytes: 0 } },
    ]),
    plan: '~main',
  },
  {
    name: 'or to a new one where its policy says so',
    pod: buildPod({
      containers: [
        {
          name: 'main',
          image: 'x',
          resources: { limits: { memory: '1Mi' } },
          resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
        },
      ],
    }),
    runtime: buildRuntime([{ ...runs('main'), resources: { cpuQuota: 0, cpuShares: 2, memoryLimitInBytes: 5 } }]),
    plan: '-main main/1',
  },
  {
    name: 'to a sidecar as well, and not to one that is stopped anyway',
    pod: buildPod({
      initContainers: [{ ...sidecar, resources: { requests: { cpu: '1' } } }],
      containers: [{ name: 'main', image: 'y', resources: { requests: { cpu: '1' } } }],
    }),
    runtime: buildRuntime(
      [runs('side'), runs('main')].map(each => ({
        ...each,
        resources: { cpuQuota: 0, cpuShares: 2, memoryLimitInBytes: 0 },
      })),
    ),
    plan: '-main main/1 ~side',
  },
  {
    name: 'and never again',
    pod: buildPod({ ephemeralContainers: [{ name: 'debug', image: 'x' }] }),
    runtime: buildRuntime([runs('main'), done('debug', 1)]),
    plan: '',
  },
]

for (const { name, pod, runtime, liveness = {}, startup = {}, plan } of cases)
  test(name, () => {
    const made = planPod(pod, runtime, { liveness: id => liveness[id], startup: id => startup[id] })
    const words = [
      ...(made.killPod ? ['kill'] : []),
      ...(made.createSandbox ? [made.attempt === 0 ? 'sandbox' : `sandbox#${made.attempt}`] : []),
      ...made.stop.map(action => `-${action.container.name}`),
      ...made.start.map(action => `${action.container.name}/${action.attempt}`),
      ...made.update.map(action => `~${action.container.name}`),
    ]
    assert.equal(words.join(' '), plan)
  })
