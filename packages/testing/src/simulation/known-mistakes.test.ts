/** Mistakes that clusters are known for, made again on purpose: the seeds must not pass with them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pods, ReplicaSets } from '@canopus/api'
import type { Pod } from '@canopus/api/core/v1'
import { controllerReference } from '@canopus/apimachinery'
import { keyOf, splitKey } from '@canopus/client'
import { type Controller, type ControllerContext, defineController, owned, primary } from '@canopus/operator'
import { failureText } from './failure-text.ts'
import { NO_FAULTS } from './faults.ts'
import { isGood, type RunSeedOptions, runSeed, type SeedResult } from './run-seed.ts'

const DISASTERS = ['restarts', 'node-death', 'skew', 'full-disk'] as const

const SEEDS = [1, 2, 3, 4, 5]

const play = (seed: number, options: Omit<RunSeedOptions, 'seed'>): Promise<SeedResult> =>
  runSeed({ duration: 60_000, patience: 120_000, without: DISASTERS, ...options, seed })

/** What the seeds say of a mistake, up to the first that says what `expected` has. */
async function noticed(options: Omit<RunSeedOptions, 'seed'>, expected: RegExp): Promise<string> {
  const found: string[] = []
  for (const seed of SEEDS) {
    // Only what is broken on the way matters here, not how it ends.
    const { violations } = await play(seed, { ...options, patience: 0 })
    found.push(...violations.map(each => `${each.invariant}: ${each.message}`))
    if (found.some(each => expected.test(each))) break
  }
  return found.join('\n')
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
      // A daemon's pod on a wrong node would be replaced at once, without end.
      if (pod.metadata.ownerReferences?.some(each => each.kind === 'DaemonSet')) return undefined
      const target = { kind: 'Node', name: 'node-0' }
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target }
      await context.client.resource(Pods).subresource(name, 'binding', binding, { namespace: namespace! })
      return undefined
    },
  })
}

describe('seeds notice', { timeout: 300_000 }, () => {
  it('a lost expectation', async () => {
    const expected = /never more pods than a workload allows: ReplicaSet \S+ allows \d+ pods, and \S+ is number \d+/
    const found = await noticed(
      {
        faults: { ...NO_FAULTS, watchDelay: 0.3 },
        controllers: {
          controllers: ['*', '-replicaset-controller'],
          extra: as => [withoutExpectations(as('naive-replica-sets'))],
        },
      },
      expected,
    )
    assert.match(found, expected)
  })

  it('a second binding to a node that is full', async () => {
    const expected = /no node is given more than it has: node-0 has given away more cpu than it has/
    const found = await noticed(
      {
        faults: NO_FAULTS,
        nodes: 3,
        capacity: { cpu: '2' },
        controllers: { extra: as => [secondScheduler(as('second-scheduler'))] },
      },
      expected,
    )
    assert.match(found, expected)
  })

  it('a watch event that nobody gets', async () => {
    for (const seed of SEEDS) {
      const lossless = await play(seed, { faults: NO_FAULTS, patience: 600_000 })
      assert.ok(isGood(lossless), failureText(lossless))
      const result = await play(seed, { faults: { ...NO_FAULTS, watchLoses: 0.05 } })
      if (!isGood(result)) return
    }
    assert.fail(`none of the seeds ${SEEDS.join(', ')} noticed`)
  })
})
