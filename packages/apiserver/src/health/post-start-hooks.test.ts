import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { FeatureGates, parseFeatureGates } from '../features/feature-gates.ts'
import { Health } from './health.ts'
import { ownChecks } from './own-checks.ts'
import { absentHooks, PostStartHooks } from './post-start-hooks.ts'

const text = async (hooks: PostStartHooks, path: string): Promise<string> => {
  const answer = await new Health(() => hooks.checks).serve({ path, query: 'verbose' })
  return Buffer.from(answer!.body as Uint8Array).toString()
}

describe('hooks after the start', () => {
  it('count as done once the server has started, but those that run count by themselves', async () => {
    let started = false
    const hooks = new PostStartHooks({ started: () => started })
    assert.match(await text(hooks, '/livez'), /^\[-\]poststarthook\/crd-informer-synced failed/m)
    started = true
    assert.match(await text(hooks, '/livez'), /livez check passed\n$/)
    let finish = (): void => {}
    const work = new Promise<void>(resolve => {
      finish = resolve
    })
    const run = hooks.run('rbac/bootstrap-roles', () => work)
    assert.match(await text(hooks, '/livez'), /^\[-\]poststarthook\/rbac\/bootstrap-roles failed: reason withheld$/m)
    assert.equal(
      await text(hooks, '/livez/poststarthook/rbac/bootstrap-roles'),
      'internal server error: not finished\n',
    )
    finish()
    await run
    assert.match(await text(hooks, '/livez'), /livez check passed\n$/)
  })

  it('are told in upstream order, with a check of their own for the registration', async () => {
    const names = new PostStartHooks({ started: () => true }).checks.map(({ name }) => name)
    const at = names.indexOf('poststarthook/kube-apiserver-autoregistration')
    assert.equal(names[at + 1], 'autoregister-completion')
    assert.equal(names.at(-1), 'poststarthook/apiservice-openapiv3-controller')
  })

  it('are there as the server is configured', () => {
    const told = (queues: boolean, proxy: boolean, gates = new FeatureGates()): string[] =>
      new PostStartHooks({ started: () => true, absent: absentHooks(queues, proxy, gates) }).checks.map(
        ({ name }) => name,
      )
    assert.ok(told(false, true).includes('poststarthook/max-in-flight-filter'))
    assert.ok(!told(false, true).includes('poststarthook/priority-and-fairness-filter'))
    assert.ok(!told(true, true).includes('poststarthook/max-in-flight-filter'))
    assert.ok(!told(true, false).includes('poststarthook/aggregator-reload-proxy-client-cert'))
    assert.ok(told(true, true).includes('poststarthook/storage-readiness'))
    const off = parseFeatureGates(
      [
        'WatchCacheInitializationPostStartHook=false',
        'APIServerIdentity=false',
        'UnknownVersionInteroperabilityProxy=false',
      ],
      'apiserver',
    )
    const names = told(true, true, off).filter(name => /storage-readiness|identity|peer/.test(name))
    assert.deepEqual(names, [])
  })
})

describe('checks of the server itself', () => {
  it('are told where they count', async () => {
    const facts = { store: { revision: async () => 1 }, clock: new SimulatedClock() } as unknown as Parameters<
      typeof ownChecks
    >[0]
    const health = new Health(() => ownChecks(facts, { started: true, stopping: false }))
    const named = (root: string): string[] => health.paths.filter(path => path.startsWith(`/${root}/`))
    assert.ok(named('livez').includes('/livez/loopback-serving-certificate'))
    assert.ok(!named('readyz').includes('/readyz/loopback-serving-certificate'))
    assert.ok(!named('livez').includes('/livez/informer-sync'))
    assert.ok(named('readyz').includes('/readyz/etcd-readiness'))
  })
})
