import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { OwnerReference } from '@canopus/apimachinery'
import { Siblings } from './siblings.ts'

const owner = (uid: string): OwnerReference => ({ apiVersion: 'apps/v1', kind: 'X', name: uid, uid, controller: true })

const pod = (name: string, image: string, ...ownerReferences: OwnerReference[]) => ({
  metadata: { name, uid: name, resourceVersion: name, creationTimestamp: '', ownerReferences },
  spec: { containers: [{ name: 'c', image }] },
})

describe('siblings', () => {
  const web = (name: string) => pod(name, 'web:1', owner('web'))
  const shop = (name: string) => pod(name, 'shop:1', owner('shop'))

  test('have what is the same from each other, whatever comes in between', () => {
    const siblings = new Siblings()
    const [a, , b] = [web('a'), shop('b'), web('c')].map(each => siblings.sharing(each, undefined) as typeof each)
    assert.equal(a!.spec, b!.spec)
    assert.deepEqual(b, web('c'))
  })

  test('without a controller: from the one before', () => {
    const siblings = new Siblings()
    const [a, b] = [pod('a', 'x'), pod('b', 'x')].map(each => siblings.sharing(each, undefined) as typeof each)
    assert.equal(a!.spec, b!.spec)
  })

  test('the version before comes first', () => {
    const siblings = new Siblings()
    const before = web('a')
    const sibling = siblings.sharing(web('b'), undefined)
    const after = siblings.sharing({ ...web('a'), more: {} } as ReturnType<typeof web>, before) as typeof before
    assert.equal(after.spec, before.spec)
    assert.notEqual(after.spec, (sibling as typeof before).spec)
  })

  test('what is gone is not held for others', () => {
    const siblings = new Siblings()
    const a = siblings.sharing(web('a'), undefined) as ReturnType<typeof web>
    siblings.forget(a)
    assert.notEqual((siblings.sharing(web('b'), undefined) as typeof a).spec, a.spec)
    siblings.forget(a)
    const b = siblings.sharing(web('c'), undefined) as typeof a
    assert.equal((siblings.sharing(web('d'), undefined) as typeof a).spec, b.spec)
  })
})
