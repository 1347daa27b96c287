import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planEmptyTableRemoval, planHostPortRemoval } from './host-port-rules.ts'

const left = `*nat
:PREROUTING ACCEPT [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A PREROUTING -j MINE
-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
COMMIT`

describe('host port rules', () => {
  it('go when no pod has a host port any more', () => {
    assert.deepEqual(planHostPortRemoval(left), [
      '-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-D POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      '-F CNI-HOSTPORT-DNAT',
      '-F CNI-HOSTPORT-MASQ',
      '-X CNI-HOSTPORT-DNAT',
      '-X CNI-HOSTPORT-MASQ',
    ])
  })
  it('stay while a pod has one', () => assert.deepEqual(planHostPortRemoval(`${left}\n:CNI-DN-abc - [0:0]`), []))
  it('are not looked for where there are none', () => assert.deepEqual(planHostPortRemoval('*nat\nCOMMIT'), []))
})

describe('the nat tables', () => {
  const hook = { chain: { family: 'ip', table: 'nat', name: 'OUTPUT', hook: 'output', policy: 'accept' } }
  const cases: [string, object[], string][] = [
    ['go when nothing is in them', [], 'delete table ip nat\n'],
    ['go with the hooks of iptables', [hook], 'delete chain ip nat OUTPUT\ndelete table ip nat\n'],
    ['stay with a rule', [hook, { rule: { chain: 'OUTPUT' } }], ''],
    ['stay with a chain of somebody’s', [hook, { chain: { name: 'MINE' } }], ''],
    ['stay where a hook refuses', [{ chain: { ...hook.chain, policy: 'drop' } }], ''],
  ]
  for (const [name, items, expected] of cases)
    it(name, () => {
      const nftables = [{ metainfo: {} }, { table: { family: 'ip', name: 'nat' } }, ...items]
      assert.equal(planEmptyTableRemoval('ip', JSON.stringify({ nftables })), expected)
    })
})
