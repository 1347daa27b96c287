import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHostPorts } from './host-ports.ts'

test('host ports as the plugin writes them into the nat table', () => {
  const saved = [
    '*nat',
    ':CNI-HOSTPORT-DNAT - [0:0]',
    '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
    '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"k8s\\" id: \\"abc\\"" -m multiport --dports 8080,8443 -j CNI-DN-1',
    '-A CNI-HOSTPORT-DNAT -p udp -m comment --comment "dnat name: \\"k8s\\" id: \\"def\\"" -m multiport --dports 53 -j CNI-DN-2',
    'COMMIT',
  ].join('\n')
  assert.deepEqual(parseHostPorts(saved), [
    { protocol: 'tcp', port: 8080, sandboxId: 'abc' },
    { protocol: 'tcp', port: 8443, sandboxId: 'abc' },
    { protocol: 'udp', port: 53, sandboxId: 'def' },
  ])
  assert.deepEqual(parseHostPorts(''), [])
})
