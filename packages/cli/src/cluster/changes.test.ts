import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Failure } from '../failure.ts'
import { changed, type Wishes, withDefaults } from './changes.ts'
import { newConfig, requireClusterName } from './config.ts'

const home = { root: '/home', run: '/run' }
const wishes = (more: Partial<Wishes> = {}): Wishes => ({ name: 'c', mirrors: [], ...more })
const config = newConfig(withDefaults(wishes()), home, 3)

describe('a new cluster', () => {
  it('has the defaults, and addresses and ports of its slot', () => {
    const { store, egress, nodes, apiPort, nodeCidr, serviceCidr, clusterCidr, dnsAddress } = config
    assert.deepEqual({ store, egress }, { store: { kind: 'embedded' }, egress: 'masquerade' })
    assert.deepEqual(
      [apiPort, nodeCidr, serviceCidr, clusterCidr],
      [6446, '172.30.3.0/24', '10.99.0.0/16', '10.241.0.0/16'],
    )
    assert.equal(dnsAddress, '10.99.0.10')
    assert.deepEqual(nodes, [{ name: 'c', place: 'host', address: '172.30.3.1', kubeletPort: 10280 }])
  })

  it('shares nothing with one of another slot', () => {
    const other = newConfig(withDefaults(wishes({ name: 'd' })), home, 4)
    const facts = (each: typeof config): unknown[] => [
      each.apiPort,
      each.bridge,
      each.nodeCidr,
      each.clusterCidr,
      each.serviceCidr,
      each.dnsPort,
      each.dataDirectory,
      each.nodes[0]?.kubeletPort,
    ]
    for (const [index, fact] of facts(config).entries()) assert.notEqual(fact, facts(other)[index])
  })

  it('has a name that fits into names of nodes and interfaces', () => {
    for (const name of ['', 'A', '-a', 'a-', 'a_b', 'a'.repeat(31)])
      assert.throws(() => requireClusterName(name), Failure, name)
  })
})

describe('an existing cluster', () => {
  it('stays as it is where nothing is asked', () => assert.deepEqual(changed(config, wishes()), config))

  it('grows', () => {
    const { nodes } = changed(config, wishes({ nodes: 3 }))
    assert.deepEqual(
      nodes.map(node => [node.name, node.place, node.address]),
      [
        ['c', 'host', '172.30.3.1'],
        ['c-2', 'namespace', '172.30.3.2'],
        ['c-3', 'namespace', '172.30.3.3'],
      ],
    )
  })

  it('takes other mirrors', () => {
    const mirrors = [{ registry: 'docker.io', url: 'http://127.0.0.1:5000' }]
    assert.deepEqual(changed(config, wishes({ mirrors })).mirrors, mirrors)
  })

  const refused: [Partial<Wishes>, RegExp][] = [
    [{ nodes: 0 }, /has 1 node$/],
    [{ store: { kind: 'memory' } }, /keeps its objects in the store "embedded", which cannot be changed/],
    [{ dataDirectory: '/elsewhere' }, /keeps its data in \/home\/clusters\/c,/],
    [{ apiPort: 1 }, /API server on port 6446/],
    [{ egress: 'none' }, /--pod-egress masquerade/],
  ]
  for (const [asked, message] of refused)
    it(`refuses ${JSON.stringify(asked)}`, () => {
      assert.throws(
        () => changed(config, wishes(asked)),
        (error: unknown) => error instanceof Failure && message.test(error.message) && error.hint !== undefined,
      )
    })

  it('takes the same again', () => {
    const same = { dataDirectory: '/home/clusters/c/', store: { kind: 'embedded' as const }, apiPort: 6446, nodes: 1 }
    assert.deepEqual(changed(config, wishes(same)), config)
  })
})
