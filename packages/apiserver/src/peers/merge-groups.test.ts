import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type GroupDocument, mergeGroups } from './merge-groups.ts'
import { mergeOrder } from './merge-order.ts'

describe('mergeOrder', () => {
  const cases: [title: string, lists: string[][], expected: string[]][] = [
    ['nothing', [], []],
    ['one list as it is', [['b', 'a']], ['b', 'a']],
    [
      'a list that has all of them',
      [
        ['b', 'a', 'c'],
        ['a', 'c'],
      ],
      ['b', 'a', 'c'],
    ],
    [
      'names, where no list says',
      [
        ['b', 'z'],
        ['a', 'z'],
      ],
      ['a', 'b', 'z'],
    ],
    [
      'what one list alone has stands between',
      [
        ['apps', 'batch'],
        ['apps', 'beta', 'batch', 'x'],
      ],
      ['apps', 'beta', 'batch', 'x'],
    ],
    [
      'names, where lists contradict each other',
      [
        ['b', 'a'],
        ['a', 'b', 'c'],
        ['c', 'd'],
      ],
      ['a', 'b', 'c', 'd'],
    ],
  ]
  for (const [title, lists, expected] of cases) it(title, () => assert.deepEqual(mergeOrder(lists), expected))
})

const group = (name: string, versions: Record<string, string[]>): GroupDocument => ({
  metadata: { name },
  versions: Object.entries(versions).map(([version, resources]) => ({
    version,
    resources: resources.map(resource => ({ resource, verbs: ['get'] })),
  })),
})

describe('mergeGroups', () => {
  it('takes groups, versions and resources of all servers', () => {
    const merged = mergeGroups([
      [group('apps', { v1: ['deployments'] }), group('batch', { v1: ['jobs'] })],
      [group('apps', { v2: ['deployments'], v1: ['deployments', 'replicasets'] }), group('new', { v1: ['things'] })],
    ])
    assert.deepEqual(merged, [
      group('apps', { v2: ['deployments'], v1: ['deployments', 'replicasets'] }),
      group('batch', { v1: ['jobs'] }),
      group('new', { v1: ['things'] }),
    ])
  })

  it('takes verbs and subresources of a resource that servers serve differently', () => {
    const of = (verbs: string[], subresources: string[]): GroupDocument => ({
      metadata: { name: 'apps' },
      versions: [
        {
          version: 'v1',
          resources: [{ resource: 'r', verbs, subresources: subresources.map(subresource => ({ subresource })) }],
        },
      ],
    })
    const merged = mergeGroups([[of(['list', 'get'], ['status'])], [of(['get', 'create'], ['scale'])]])
    assert.deepEqual(merged, [of(['create', 'get', 'list'], ['scale', 'status'])])
  })
})
