/** Mistakes that clusters are known for, made again on purpose: the seeds must not pass with them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pods, ReplicaSets } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { controllerReference } from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, owned, primary } from '@canopus/operator'
import { NO_FAULTS } from './faults.ts'
import { InvariantWatcher } from './invariants/watcher.ts'
import { isGood, type RunSeedOptions, runSeed } from './run-seed.ts'
import { startSimulation } from './start-simulation.ts'

const DISASTERS = ['restarts', 'node-death', 'skew', 'full-disk'] as const

/** What the first of a few seeds to notice says. */
async function noticed(options: Omit<RunSeedOptions, 'seed'>): Promise<string> {
  for (const seed of [1, 2, 3, 4, 5]) {
    const result = await runSeed({ duration: 60_000, patience: 120_000, without: DISASTERS, ...options, seed })
    if (isGood(result)) continue
    return [...result.violations.map(each => `${each.invariant}: ${each.message}`), ...result.unfinished].join('\n')
  }
  return 'nothing'
}

/** A replica set controller that believes its cache: what it has just made is missing still, so it makes it again. */
function withoutExpectations(context: ControllerContext): Controller {
  const sets = context.informers.informer(ReplicaSets)
  const pods = context.informers.informer(Pods)
  return defineController(context, {
    name: 'naive-replica-sets',
    triggers: [primary(ReplicaSets), owned(Pods, ReplicaSets)],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const set = sets.lister.get(name, namespace)
      if (!set || set.metadata.deletionTimestamp) return undefined
      const own = pods.lister
        .list(namespace)
        .filter(pod => pod.metadata.ownerReferences?.some(each => each.uid === set.metadata.uid))
      const { template } = set.spec
      for (let missing = (set.spec.replicas ?? 1) - own.length; missing > 0; missing--) {
        await context.client.resource(Pods).create({
          metadata: {
            generateName: `${name}-`,
            namespace: namespace!,
            labels: template?.metadata?.labels ?? {},
            ownerReferences: [controllerReference(set, ReplicaSets)],
          },
          spec: template!.spec!,
        } as never)
      }
      return undefined
    },
  })
}

/** A second scheduler that does not look whether a pod has a node, or a node has room. */
function secondScheduler(context: ControllerContext): Controller {
  const pods = context.informers.informer(Pods)
  return defineController(context, {
    name: 'second-scheduler',
    triggers: [primary(Pods)],
    async reconcile(key) {
      const { name, namespace } = splitKey(key)
      const pod: Pod | undefined = pods.lister.get(name, namespace)
      if (!pod || keyOf(pod) !== key || pod.spec.nodeName) return undefined
      const target = { kind: 'Node', name: 'node-0' }
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target }
      await context.client.resource(Pods).subresource(name, 'binding', binding, { namespace: namespace! })
      return undefined
    },
  })
}

describe('seeds notice', { timeout: 110_000 }, () => {
  it('a lost expectation', async () => {
    const found = await noticed({
      faults: { ...NO_FAULTS, watchDelay: 0.3 },
      controllers: {
        controllers: ['*', '-replicaset-controller'],
        extra: as => [withoutExpectations(as('naive-replica-sets'))],
      },
    })
    assert.match(found, /never more pods than a workload allows: ReplicaSet \S+ allows \d+ pods, and \S+ is number \d+/)
  })

  it('a second binding to a node that is full', async () => {
    let watcher: InvariantWatcher | undefined
    const simulation = await startSimulation({
      seed: 1,
      nodes: [{ name: 'node-0', capacity: { cpu: '2' } }],
      controllers: { extra: as => [secondScheduler(as('second-scheduler'))] },
      prepare: ({ history, faults }) => {
        watcher = new InvariantWatcher(history, faults)
      },
    })
    const containers = [{ name: 'main', image: 'example', resources: { requests: { cpu: '1' } } }]
    for (const name of ['a', 'b', 'c'])
      await simulation.client.resource(Pods).create({ metadata: { name, namespace: 'default' }, spec: { containers } })
    await simulation.advance(10_000)
    await simulation.stop()
    const found = watcher!.violations.map(each => `${each.invariant}: ${each.message}`)
    assert.match(found.join(), /no node is given more than it has: node-0 has given away more cpu than it has/)
  })

  it('a watch event that nobody gets', async () => {
    const found = await noticed({ faults: { ...NO_FAULTS, watchLoses: 0.05 } })
    assert.notEqual(found, 'nothing')
  })
})
