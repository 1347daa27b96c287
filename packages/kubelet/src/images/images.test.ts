import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret } from '@canopus/api/core/v1'
import type { Image } from '@canopus/cri'
import { credentialsFor } from './credentials.ts'
import { ImageGarbageCollector, type ImageUse, planImageGarbage } from './garbage.ts'
import { registryOf, withDefaultTag } from './reference.ts'

const digest = `sha256:${'a'.repeat(64)}`
const tags: [string, string | undefined][] = [
  ['redis', 'redis:latest'],
  ['redis:7', 'redis:7'],
  ['library/redis', 'library/redis:latest'],
  ['localhost:5000/x', 'localhost:5000/x:latest'],
  ['localhost:5000/x:1', 'localhost:5000/x:1'],
  [`redis@${digest}`, `redis@${digest}`],
  [`quay.io/a/b:1@${digest}`, `quay.io/a/b:1@${digest}`],
  ['UPPER:1', undefined],
  ['bad image', undefined],
  ['', undefined],
  ['x:', undefined],
]
for (const [image, expected] of tags)
  test(`the tag of ${JSON.stringify(image)}`, () => assert.equal(withDefaultTag(image), expected))

test('registries', () => {
  assert.deepEqual(['redis', 'a/b', 'quay.io/a', 'localhost/x', 'host:5000/x'].map(registryOf), [
    'docker.io',
    'docker.io',
    'quay.io',
    'localhost',
    'host:5000',
  ])
})

test('credentials: by registry and path, in every form', () => {
  const secret = (data: Record<string, unknown>, key = '.dockerconfigjson'): Secret =>
    ({ data: { [key]: Buffer.from(JSON.stringify(data)).toString('base64') } }) as never
  const auth = Buffer.from('ann:pass:word').toString('base64')
  const secrets = [
    secret({ auths: { 'https://index.docker.io/v1/': { auth }, 'quay.io/team': { username: 'bob', password: 'p' } } }),
    secret({ 'host:5000': { username: 'old', password: 'q' } }, '.dockercfg'),
    { data: { '.dockerconfigjson': Buffer.from('{').toString('base64') } } as never,
  ]
  const users = (image: string) => credentialsFor(image, secrets).map(each => [each.username, each.password])
  assert.deepEqual(users('redis:7'), [['ann', 'pass:word']])
  assert.deepEqual(users('quay.io/team/x'), [['bob', 'p']])
  assert.deepEqual(users('quay.io/other/x'), [])
  assert.deepEqual(users('host:5000/x'), [['old', 'q']])
})

test('an image that a pod has as a volume stays', async () => {
  const image = (id: string): object => ({ id, size: 50e9, repoTags: [`registry/${id}:1`], repoDigests: [] })
  const removed: string[] = []
  const cri = {
    listImages: async () => ({ images: [image('mounted'), image('unused')] }),
    imageStatus: async () => ({ image: image('mounted') }),
    removeImage: async (request: { image: { image: string } }) => removed.push(request.image.image),
  }
  let now = 0
  const logger = { info() {}, warn() {} }
  const collector = new ImageGarbageCollector(cri as never, { now: () => now } as never, logger as never, 'none')
  const disk = { capacityBytes: 100e9, availableBytes: 0, inodes: 1, freeInodes: 1 }
  for (now of [0, 600_000]) await collector.collect([], disk, new Set(['mounted:1']))
  assert.deepEqual(removed, ['unused'])
})

test('images go when the disk is full: unused ones, the longest unused first, no more than needed', () => {
  const image = (id: string, size: number, pinned = false) => ({ id, size, pinned }) as Image
  const images = [image('used', 50), image('new', 50), image('old', 10), image('older', 10), image('pinned', 50, true)]
  const use = new Map<string, ImageUse>(
    images.map(each => [
      each.id,
      { firstSeen: each.id === 'new' ? 990_000 : 0, lastUsed: each.id === 'older' ? 1 : 2 },
    ]),
  )
  const plan = (availableBytes: number) =>
    planImageGarbage(images, new Set(['used']), use, { capacityBytes: 100, availableBytes }, 1_000_000)
  assert.deepEqual(plan(50), [])
  assert.deepEqual(plan(14), ['older'])
  assert.deepEqual(plan(5), ['older', 'old'])
})
