import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CSINodes, PersistentVolumeClaims, PersistentVolumes, StorageClasses, VolumeAttachments } from '@canopus/api'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import type { CSINode, StorageClass, VolumeAttachment } from '@canopus/api/storage/v1'
import { type Random, randomInt, SeededRandom, SimulatedClock, silentLogger } from '@canopus/base'
import { createClient, createInformerFactory } from '@canopus/client'
import { createFakeServer, type FakeServer } from '@canopus/client/testing'
import { ClusterCache } from '../cache.ts'
import { isRejection, type PluginContext, type SchedulerPlugin } from '../framework.ts'
import { podInfo } from '../pod-info.ts'
import { aNode, aPod } from '../testing/builders.ts'
import { anObject } from '../testing/fake-cluster.ts'
import { nodeVolumeLimits } from './node-volume-limits.ts'

const MIGRATED = 'storage.alpha.kubernetes.io/migrated-plugins'

const aClaim = (name: string, spec: Record<string, unknown>): PersistentVolumeClaim =>
  anObject(PersistentVolumeClaims, name, { spec })
const aVolume = (name: string, driver: string, volumeHandle = name): PersistentVolume =>
  anObject(PersistentVolumes, name, { spec: { csi: { driver, volumeHandle } } })
const aClass = (name: string, provisioner: string): StorageClass => anObject(StorageClasses, name, { provisioner })
const aCsiNode = (name: string, limits: Record<string, number>, migrated = ''): CSINode =>
  anObject(CSINodes, name, {
    metadata: { annotations: { [MIGRATED]: migrated } },
    spec: {
      drivers: Object.entries(limits).map(([driver, count]) => ({
        name: driver,
        nodeID: name,
        allocatable: { count },
      })),
    },
  })
const anAttachment = (name: string, nodeName: string, persistentVolumeName: string): VolumeAttachment =>
  anObject(VolumeAttachments, name, { spec: { attacher: 'd', nodeName, source: { persistentVolumeName } } })
const mounting = (name: string, ...claims: string[]): Pod =>
  aPod(name, {
    spec: { volumes: claims.map(claimName => ({ name: claimName, persistentVolumeClaim: { claimName } })) },
  })
const on = (nodeName: string, pod: Pod): Pod => ({ ...pod, spec: { ...pod.spec!, nodeName } })

/** The plugin at work on what a server tells it. */
interface Bench {
  readonly server: FakeServer
  readonly cache: ClusterCache
  fits(pod: Pod, node?: string): boolean
  /** What the plugin says that has counted nothing before. */
  fitsCountedAnew(pod: Pod, node: string): boolean
  /** Lets the informers hear what happened. */
  settle(): Promise<void>
  stop(): void
}

async function startBench(prepare: (server: FakeServer, cache: ClusterCache) => void): Promise<Bench> {
  const clock = new SimulatedClock()
  const server = createFakeServer({ clock })
  const cache = new ClusterCache()
  prepare(server, cache)
  const stop = new AbortController()
  const options = { client: createClient(server), clock, random: new SeededRandom(1), logger: silentLogger }
  const informers = createInformerFactory(options)
  const context = { informers } as unknown as PluginContext
  const plugin = nodeVolumeLimits(context)
  informers.start(stop.signal)
  await clock.advance(0)
  await informers.waitForSync()
  const disconnect = plugin.connect!()
  const ask = (asked: SchedulerPlugin, pod: Pod, node: string): boolean => {
    const filter = asked.filter!(podInfo(pod), { cache } as never)
    if (filter === undefined) return true
    assert.ok(!isRejection(filter))
    return filter.check(cache.node(node)!) === undefined
  }
  return {
    server,
    cache,
    fits: (pod, node = 'n') => ask(plugin, pod, node),
    fitsCountedAnew: (pod, node) => ask(nodeVolumeLimits(context), pod, node),
    settle: () => clock.advance(0),
    stop() {
      disconnect()
      stop.abort()
    },
  }
}

/** Node `n` takes two volumes of driver `d` and has one, by way of claim `c1`; `new` wants another one. */
function oneOfTwo(server: FakeServer, cache: ClusterCache): void {
  cache.setNode(aNode('n'))
  server.add(CSINodes, aCsiNode('n', { d: 2 }))
  server.add(StorageClasses, aClass('made', 'd'))
  for (const name of ['1', '2', '3']) {
    server.add(PersistentVolumes, aVolume(`v${name}`, 'd'))
    server.add(PersistentVolumeClaims, aClaim(`c${name}`, { volumeName: `v${name}` }))
  }
  cache.setPod(on('n', mounting('p1', 'c1')))
}

interface Case {
  readonly what: string
  /** What there is beside `oneOfTwo`. */
  prepare?(server: FakeServer, cache: ClusterCache): void
  /** Whether the pod that mounts claim `c3` fits. */
  readonly before: boolean
  change(server: FakeServer, cache: ClusterCache): void
  readonly after: boolean
}

const cases: readonly Case[] = [
  {
    what: 'a pod with a claim comes',
    before: true,
    change: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    after: false,
  },
  {
    what: 'a pod with a claim goes',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change: (_, cache) => cache.removePod('default/p2'),
    after: true,
  },
  {
    what: 'a pod comes that shares a volume',
    before: true,
    change: (_, cache) => cache.setPod(on('n', mounting('p2', 'c1'))),
    after: true,
  },
  {
    what: 'a claim comes that a pod on the node mounts',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'late'))),
    before: true,
    change: server => server.add(PersistentVolumeClaims, aClaim('late', { volumeName: 'v2' })),
    after: false,
  },
  {
    what: 'a claim goes that a pod on the node mounts',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change: server => server.remove(PersistentVolumeClaims, 'c2', 'default'),
    after: true,
  },
  {
    what: 'a claim goes and comes again, bound to the same volume as another one',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change(server) {
      server.remove(PersistentVolumeClaims, 'c2', 'default')
      server.add(PersistentVolumeClaims, aClaim('c2', { volumeName: 'v1' }))
    },
    after: true,
  },
  {
    what: 'a claim is bound to a volume',
    prepare(server, cache) {
      server.add(PersistentVolumeClaims, aClaim('late', { storageClassName: 'none' }))
      cache.setPod(on('n', mounting('p2', 'late')))
    },
    before: true,
    change: server =>
      server.change(PersistentVolumeClaims, 'late', 'default', claim => {
        claim.spec = { ...claim.spec!, volumeName: 'v2' }
      }),
    after: false,
  },
  {
    what: 'a claim that counted by its class is bound to the volume of another driver',
    prepare(server, cache) {
      server.add(PersistentVolumes, aVolume('other', 'e'))
      server.add(PersistentVolumeClaims, aClaim('late', { storageClassName: 'made' }))
      cache.setPod(on('n', mounting('p2', 'late')))
    },
    before: false,
    change: server =>
      server.change(PersistentVolumeClaims, 'late', 'default', claim => {
        claim.spec = { ...claim.spec!, volumeName: 'other' }
      }),
    after: true,
  },
  {
    what: 'the claim of the new pod is bound to a volume that the node has',
    prepare(server, cache) {
      server.add(PersistentVolumeClaims, aClaim('shared', { volumeName: 'v3' }))
      cache.setPod(on('n', mounting('p2', 'shared')))
      server.change(PersistentVolumeClaims, 'c3', 'default', claim => {
        claim.spec = { storageClassName: 'made' }
      })
    },
    before: false,
    change: server =>
      server.change(PersistentVolumeClaims, 'c3', 'default', claim => {
        claim.spec = { ...claim.spec!, volumeName: 'v3' }
      }),
    after: true,
  },
  {
    what: 'a volume comes to which a claim of a pod on the node is bound',
    prepare(server, cache) {
      server.add(PersistentVolumeClaims, aClaim('late', { volumeName: 'later' }))
      cache.setPod(on('n', mounting('p2', 'late')))
    },
    before: true,
    change: server => server.add(PersistentVolumes, aVolume('later', 'd')),
    after: false,
  },
  {
    what: 'a volume goes',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change: server => server.remove(PersistentVolumes, 'v2'),
    after: true,
  },
  {
    what: 'a volume is made anew for another driver',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change(server) {
      server.remove(PersistentVolumes, 'v2')
      server.add(PersistentVolumes, aVolume('v2', 'e'))
    },
    after: true,
  },
  {
    what: 'a class comes that a claim waits for',
    prepare(server, cache) {
      server.add(PersistentVolumeClaims, aClaim('late', { storageClassName: 'later' }))
      cache.setPod(on('n', mounting('p2', 'late')))
    },
    before: true,
    change: server => server.add(StorageClasses, aClass('later', 'd')),
    after: false,
  },
  {
    what: 'a class goes',
    prepare(server, cache) {
      server.add(PersistentVolumeClaims, aClaim('late', { storageClassName: 'made' }))
      cache.setPod(on('n', mounting('p2', 'late')))
    },
    before: false,
    change: server => server.remove(StorageClasses, 'made'),
    after: true,
  },
  {
    what: 'a class is made anew with another driver',
    prepare(server, cache) {
      server.add(PersistentVolumeClaims, aClaim('late', { storageClassName: 'made' }))
      cache.setPod(on('n', mounting('p2', 'late')))
    },
    before: false,
    change(server) {
      server.remove(StorageClasses, 'made')
      server.add(StorageClasses, aClass('made', 'e'))
    },
    after: true,
  },
  {
    what: 'the node says that it takes fewer volumes',
    before: true,
    change: server =>
      server.change(CSINodes, 'n', undefined, csiNode => {
        csiNode.spec!.drivers[0]!.allocatable = { count: 1 }
      }),
    after: false,
  },
  {
    what: 'the node says that it takes more volumes',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change: server =>
      server.change(CSINodes, 'n', undefined, csiNode => {
        csiNode.spec!.drivers[0]!.allocatable = { count: 3 }
      }),
    after: true,
  },
  {
    what: 'the CSINode goes',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change: server => server.remove(CSINodes, 'n'),
    after: true,
  },
  {
    what: 'the CSINode comes',
    prepare(server, cache) {
      cache.setPod(on('n', mounting('p2', 'c2')))
      server.remove(CSINodes, 'n')
    },
    before: true,
    change: server => server.add(CSINodes, aCsiNode('n', { d: 2 })),
    after: false,
  },
  {
    what: 'the node leaves disks of a plugin to the driver',
    prepare(server, cache) {
      server.change(CSINodes, 'n', undefined, csiNode => {
        csiNode.spec!.drivers[0]!.name = 'pd.csi.storage.gke.io'
      })
      server.change(PersistentVolumes, 'v3', undefined, volume => {
        volume.spec = { csi: { driver: 'pd.csi.storage.gke.io', volumeHandle: 'v3' } }
      })
      const disk = (pdName: string) => ({ name: pdName, gcePersistentDisk: { pdName } })
      cache.setPod(on('n', aPod('p2', { spec: { volumes: [disk('x'), disk('y')] } })))
    },
    before: true,
    change: server =>
      server.change(CSINodes, 'n', undefined, csiNode => {
        csiNode.metadata.annotations = { [MIGRATED]: 'kubernetes.io/aws-ebs,kubernetes.io/gce-pd' }
      }),
    after: false,
  },
  {
    what: 'a volume is attached for a pod that has gone',
    before: true,
    change: server => server.add(VolumeAttachments, anAttachment('a', 'n', 'v2')),
    after: false,
  },
  {
    what: 'a volume is detached',
    prepare: server => server.add(VolumeAttachments, anAttachment('a', 'n', 'v2')),
    before: false,
    change: server => server.remove(VolumeAttachments, 'a'),
    after: true,
  },
  {
    what: 'a volume is attached to another node',
    prepare: server => server.add(VolumeAttachments, anAttachment('a', 'n', 'v2')),
    before: false,
    change(server) {
      server.remove(VolumeAttachments, 'a')
      server.add(VolumeAttachments, anAttachment('a', 'm', 'v2'))
    },
    after: true,
  },
  {
    what: 'the volume of an attachment comes',
    prepare: server => server.add(VolumeAttachments, anAttachment('a', 'n', 'later')),
    before: true,
    change: server => server.add(PersistentVolumes, aVolume('later', 'd')),
    after: false,
  },
  {
    what: 'the volume of an attachment goes',
    prepare: server => server.add(VolumeAttachments, anAttachment('a', 'n', 'v2')),
    before: false,
    change: server => server.remove(PersistentVolumes, 'v2'),
    after: true,
  },
  {
    what: 'the node goes and comes again without its pods',
    prepare: (_, cache) => cache.setPod(on('n', mounting('p2', 'c2'))),
    before: false,
    change(_, cache) {
      cache.removePod('default/p1')
      cache.removeNode('n')
      cache.removePod('default/p2')
      cache.setNode(aNode('n'))
    },
    after: true,
  },
]

for (const { what, prepare, before, change, after } of cases) {
  test(`volumes of a node are counted again: ${what}`, async () => {
    const bench = await startBench((server, cache) => {
      oneOfTwo(server, cache)
      prepare?.(server, cache)
    })
    try {
      const pod = mounting('new', 'c3')
      assert.equal(bench.fits(pod), before, 'before')
      change(bench.server, bench.cache)
      await bench.settle()
      assert.equal(bench.fits(pod), after, 'after')
    } finally {
      bench.stop()
    }
  })
}

/** One change by chance of anything that the count depends on. */
function changeSomething({ server, cache }: Bench, random: Random): void {
  const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!
  const claim = `c${randomInt(random, 4)}`
  const volume = `v${randomInt(random, 4)}`
  const node = pick('n', 'm')
  const driver = pick('d', 'e')
  const put = (object: Parameters<FakeServer['add']>[1], type: Parameters<FakeServer['add']>[0]): void => {
    const { name, namespace } = object.metadata as { name: string; namespace?: string }
    if (server.get(type, name, namespace) !== undefined) server.remove(type, name, namespace)
    if (pick(true, true, true, false)) server.add(type, object)
  }
  switch (randomInt(random, 7)) {
    case 0:
      put(aClaim(claim, pick({ volumeName: volume }, { storageClassName: pick('s', 't') })), PersistentVolumeClaims)
      break
    case 1:
      put(aVolume(volume, driver, pick(volume, 'same')), PersistentVolumes)
      break
    case 2:
      put(aClass(pick('s', 't'), driver), StorageClasses)
      break
    case 3:
      put(aCsiNode(node, { [driver]: pick(1, 2), d: pick(1, 2) }), CSINodes)
      break
    case 4:
      put(anAttachment(pick('a', 'b'), node, volume), VolumeAttachments)
      break
    case 5:
      cache.setPod(on(node, mounting(`p${randomInt(random, 3)}`, claim, `c${randomInt(random, 4)}`)))
      break
    default:
      cache.removePod(`default/p${randomInt(random, 3)}`)
  }
}

test('what is kept of the volumes of nodes is always what counting anew gives', async () => {
  const verdicts = { true: 0, false: 0 }
  for (let seed = 1; seed <= 10; seed++) {
    const random = new SeededRandom(seed)
    const bench = await startBench((_, cache) => {
      for (const name of ['n', 'm']) cache.setNode(aNode(name))
    })
    try {
      for (let step = 0; step < 80; step++) {
        changeSomething(bench, random)
        await bench.settle()
        for (const node of ['n', 'm']) {
          const pod = mounting('new', 'c0', 'c1', 'c2')
          const kept = bench.fits(pod, node)
          assert.equal(kept, bench.fitsCountedAnew(pod, node), `seed ${seed}, step ${step}, node ${node}`)
          verdicts[`${kept}`]++
        }
      }
    } finally {
      bench.stop()
    }
  }
  assert.ok(verdicts.true > 100 && verdicts.false > 100, JSON.stringify(verdicts))
})
