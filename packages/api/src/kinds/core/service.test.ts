import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../generated/core.v1.ts'
import { created, testCreate, testUpdate } from '../../testing/validation-table.ts'
import { ServiceKind } from './service.ts'

const valid = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }], clusterIP: '10.0.0.5' },
} as unknown as Service

testCreate(ServiceKind, valid, [
  {
    name: 'no ports',
    change: service => {
      service.spec.ports = []
    },
    errors: ['spec.ports: Required value'],
  },
  {
    name: 'no ports, headless',
    change: service => {
      service.spec.ports = []
      service.spec.clusterIP = 'None'
    },
    errors: [],
  },
  {
    name: 'two ports without names',
    change: service => {
      service.spec.ports!.push({ port: 81 })
    },
    errors: ['spec.ports[0].name: Required value', 'spec.ports[1].name: Required value'],
  },
  {
    name: 'the same port twice',
    change: service => {
      service.spec.ports = [
        { name: 'a', port: 80 },
        { name: 'b', port: 80 },
      ]
    },
    errors: [
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  },
  {
    name: 'port out of range',
    change: service => {
      service.spec.ports![0]!.port = 0
      service.spec.ports![0]!.targetPort = 80
    },
    errors: ['spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
  },
  {
    name: 'bad type',
    change: service => {
      service.spec.type = 'X'
    },
    errors: [
      'spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  },
  {
    name: 'external name missing',
    change: service => {
      service.spec = { type: 'ExternalName' }
    },
    errors: ['spec.externalName: Required value'],
  },
  {
    name: 'headless node port',
    change: service => {
      service.spec.type = 'NodePort'
      service.spec.clusterIP = 'None'
    },
    errors: [`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`],
  },
  {
    name: 'node port of a cluster IP service',
    change: service => {
      service.spec.ports![0]!.nodePort = 30000
    },
    errors: ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  },
  {
    name: 'address that is none',
    change: service => {
      service.spec.clusterIP = '10.0.0'
    },
    errors: [
      'spec.clusterIPs[0]: Invalid value: "10.0.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  },
  {
    name: 'loopback as external address',
    change: service => {
      service.spec.externalIPs = ['127.0.0.1']
    },
    errors: [
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  },
  {
    name: 'bad affinity',
    change: service => {
      service.spec.sessionAffinity = 'X'
    },
    errors: ['spec.sessionAffinity: Unsupported value: "X": supported values: "ClientIP", "None"'],
  },
  {
    name: 'local traffic inside only',
    change: service => {
      service.spec.externalTrafficPolicy = 'Local'
    },
    errors: ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
  },
])

testUpdate(ServiceKind, valid, [
  {
    name: 'another address',
    change: service => {
      service.spec.clusterIP = '10.0.0.6'
    },
    errors: ['spec.clusterIPs[0]: Invalid value: ["10.0.0.6"]: may not change once set'],
  },
  {
    name: 'address left out',
    change: service => {
      delete service.spec.clusterIP
      delete service.spec.clusterIPs
    },
    errors: [],
  },
  {
    name: 'external name instead',
    change: service => {
      service.spec.type = 'ExternalName'
      service.spec.externalName = 'example.com'
    },
    errors: [],
  },
])

test('Service: defaults', () => {
  const { spec, status } = created(ServiceKind, valid)
  assert.deepEqual(spec, {
    selector: { app: 'web' },
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    clusterIP: '10.0.0.5',
    clusterIPs: ['10.0.0.5'],
    sessionAffinity: 'None',
    type: 'ClusterIP',
    internalTrafficPolicy: 'Cluster',
  })
  assert.deepEqual(status, { loadBalancer: {} })
})

test('Service update: node ports stay where no more are wanted, unless they are left out', () => {
  const old = created(ServiceKind, valid)
  old.spec.type = 'LoadBalancer'
  old.spec.ports = [{ name: 'a', port: 80, nodePort: 30001 }]
  for (const nodePort of [0, 30001]) {
    const changed = structuredClone(old)
    changed.spec.allocateLoadBalancerNodePorts = false
    changed.spec.ports = [{ name: 'a', port: 80, nodePort }]
    ServiceKind.strategy.prepareForUpdate!(changed, old, { now: '' })
    assert.equal(changed.spec.ports[0]!.nodePort, nodePort)
  }
})

test('Service: a name alone shows no internal policy', () => {
  for (const [type, expected] of [
    ['ExternalName', undefined],
    ['ClusterIP', 'Local'],
  ] as const) {
    const service = created(ServiceKind, { ...valid, spec: { type, internalTrafficPolicy: 'Local' } })
    assert.equal(service.spec.internalTrafficPolicy, expected)
    const changed = structuredClone(service)
    changed.spec.internalTrafficPolicy = 'Local'
    ServiceKind.strategy.prepareForUpdate!(changed, service, { now: '' })
    assert.equal(changed.spec.internalTrafficPolicy, expected)
  }
})

test('Service update: node ports stay with their ports', () => {
  const old = created(ServiceKind, valid)
  old.spec.type = 'NodePort'
  old.spec.externalTrafficPolicy = 'Cluster'
  old.spec.ports = [{ name: 'a', port: 80, nodePort: 30001 }]
  const changed = structuredClone(old)
  changed.spec.ports = [{ name: 'a', port: 81 }]
  ServiceKind.strategy.prepareForUpdate!(changed, old, { now: '' })
  assert.equal(changed.spec.ports[0]!.nodePort, 30001)
  const inside = structuredClone(old)
  inside.spec.type = 'ClusterIP'
  ServiceKind.strategy.prepareForUpdate!(inside, old, { now: '' })
  assert.equal(inside.spec.ports![0]!.nodePort, undefined)
  assert.equal(inside.spec.externalTrafficPolicy, undefined)
})

test('Service columns', () => {
  const cellsOf = (spec: object, status: object = {}): unknown[] =>
    ServiceKind.columns.slice(1, 5).map(column => column.value({ metadata: {}, spec, status } as Service, 0))
  const ports = [{ port: 80, protocol: 'TCP', nodePort: 30080 }]
  const base = { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports }
  assert.deepEqual(cellsOf({ ...base, type: 'NodePort' }), ['NodePort', '10.0.0.1', '<none>', '80:30080/TCP'])
  assert.deepEqual(cellsOf({ ...base, type: 'LoadBalancer' })[2], '<pending>')
  const ingress = { loadBalancer: { ingress: [{ ip: '2.2.2.2' }, { hostname: 'lb' }] } }
  assert.deepEqual(cellsOf({ ...base, type: 'LoadBalancer' }, ingress)[2], '2.2.2.2,lb')
  assert.deepEqual(cellsOf({ type: 'ExternalName', externalName: 'x.y' }), ['ExternalName', '<none>', 'x.y', '<none>'])
})
