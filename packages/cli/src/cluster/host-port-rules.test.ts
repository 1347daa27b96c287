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
    assert.deepEqual(planHostPortRemoval(left, '10.244.0.0/16', true), [
      '-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-D POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      '-F CNI-HOSTPORT-DNAT',
      '-F CNI-HOSTPORT-MASQ',
      '-X CNI-HOSTPORT-DNAT',
      '-X CNI-HOSTPORT-MASQ',
    ])
  })
  const podOf = (address: string): string =>
    [
      left.replace('COMMIT', ''),
      ':CNI-DN-abc - [0:0]',
      `-A CNI-DN-abc -s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK`,
      `-A CNI-DN-abc -p tcp -m tcp --dport 8080 -j DNAT --to-destination ${address}:80`,
      '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat" -m multiport --dports 8080 -j CNI-DN-abc',
      'COMMIT',
    ].join('\n')
  it('stay while a pod of another cluster has one', () =>
    assert.deepEqual(planHostPortRemoval(podOf('10.243.0.7'), '10.244.0.0/16', true), []))
  it('of pods that were killed go with their cluster', () =>
    assert.deepEqual(planHostPortRemoval(podOf('10.244.0.7'), '10.244.0.0/16', true), [
      '-D CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat" -m multiport --dports 8080 -j CNI-DN-abc',
      '-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
      '-D POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      '-F CNI-DN-abc',
      '-F CNI-HOSTPORT-DNAT',
      '-F CNI-HOSTPORT-MASQ',
      '-X CNI-DN-abc',
      '-X CNI-HOSTPORT-DNAT',
      '-X CNI-HOSTPORT-MASQ',
    ]))
  it('of pods that were killed go alone where there are other clusters', () =>
    assert.deepEqual(planHostPortRemoval(podOf('10.244.0.7'), '10.244.0.0/16', false), [
      '-D CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat" -m multiport --dports 8080 -j CNI-DN-abc',
      '-F CNI-DN-abc',
      '-X CNI-DN-abc',
    ]))
  it('are not looked for where there are none', () =>
    assert.deepEqual(planHostPortRemoval('*nat\nCOMMIT', '10.244.0.0/16', true), []))
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
