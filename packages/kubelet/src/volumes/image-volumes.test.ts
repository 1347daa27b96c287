import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Container, Pod } from '@canopus/api/core/v1'
import { mountedImages, volumeImages } from './image-volumes.ts'
import { containerMounts } from './mounts.ts'

const container = (volumeMounts: NonNullable<Container['volumeMounts']>): Container => ({ name: 'c', volumeMounts })

describe('image volumes', () => {
  test('are pulled for those containers alone that mount them', () => {
    const image = { reference: 'registry/kitten:1', pullPolicy: 'Always' }
    const volumes = [
      { name: 'pictures', image },
      { name: 'other', image },
      { name: 'empty', emptyDir: {} },
    ]
    const pod: Pod = {
      metadata: { name: 'p', uid: 'u', resourceVersion: '1' },
      spec: { volumes, containers: [] },
    } as never
    const mounts = ['pictures', 'empty'].map(name => ({ name, mountPath: `/${name}` }))
    assert.deepEqual([...mountedImages(pod, container(mounts))], [['pictures', image]])
    assert.equal(mountedImages(pod, container([])).size, 0)
  })

  test('are images in use', () => {
    const volumes = [
      { name: 'a', image: { reference: 'kitten' } },
      { name: 'b', image: {} },
      { name: 'c', emptyDir: {} },
    ]
    assert.deepEqual([...volumeImages([{ spec: { volumes } }, { spec: {} }] as never)], ['kitten:latest'])
  })

  test('are mounted by the runtime, and nobody writes to them', () => {
    const images = new Map([['pictures', { image: 'sha256:abc', userSpecifiedImage: 'registry/kitten:1' }]])
    const mounts = [
      { name: 'pictures', mountPath: '/all' },
      { name: 'pictures', mountPath: '/some', subPathExpr: 'a/$(WHICH)' },
    ]
    const [all, some] = containerMounts(container(mounts), new Map(), new Map([['WHICH', 'b']]), new Set(), images)
    assert.deepEqual(all, {
      containerPath: '/all',
      hostPath: '',
      propagation: 'PROPAGATION_PRIVATE',
      recursiveReadOnly: false,
      readonly: true,
      image: images.get('pictures'),
      imageSubPath: '',
    })
    assert.deepEqual([some?.containerPath, some?.imageSubPath], ['/some', 'a/b'])
  })

  test('have no parts outside of them', () => {
    const images = new Map([['pictures', { image: 'sha256:abc' }]])
    const mount = { name: 'pictures', mountPath: '/m', subPath: '../x' }
    assert.throws(
      () => containerMounts(container([mount]), new Map(), new Map(), new Set(), images),
      /unable to provision SubPath `\.\.\/x`: must not contain '\.\.'/,
    )
  })
})
