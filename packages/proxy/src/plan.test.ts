import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import type { Service, ServiceSpec } from '@canopus/api/core/v1'
import type { Endpoint, EndpointSlice } from '@canopus/api/discovery/v1'
import { renderChanges, renderTable } from '@canopus/network/nft-table'
import { planService, type ServicePlan } from './plan.ts'
import { ServicesState, servicesTable } from './table.ts'

const META = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' }
const service = (spec: Partial<ServiceSpec>): Service => ({
  metadata: META,
  spec: {
    clusterIP: '10.96.0.10',
    clusterIPs: ['10.96.0.10'],
    type: 'ClusterIP',
    ports: [{ port: 80, protocol: 'TCP' }],
    ...spec,
  },
})
const slice = (...endpoints: Endpoint[]): EndpointSlice => ({
  metadata: META,
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints,
})
const ready = (ip: string, nodeName = 'n1'): Endpoint => ({
  addresses: [ip],
  nodeName,
  conditions: { ready: true, serving: true },
})
const draining = (ip: string): Endpoint => ({
  addresses: [ip],
  conditions: { ready: false, serving: true, terminating: true },
})
const plan = (spec: Partial<ServiceSpec>, ...endpoints: Endpoint[]): ServicePlan =>
  planService(service(spec), endpoints.length > 0 ? [slice(...endpoints)] : [], { nodeName: 'n1' })
const shown = (result: ServicePlan): string[] =>
  result.elements.map(({ container, key, value }) =>
    value === undefined ? `${container} ${key}` : `${container} ${key} => ${value}`,
  )

describe('planService', () => {
  const cases: { name: string; plan: ServicePlan; elements: string[] }[] = [
    {
      name: 'two endpoints, one of them on this node',
      plan: plan({}, ready('10.244.1.2'), ready('10.244.2.2', 'n2')),
      elements: [
        'svc 10.96.0.10 . tcp . 80 => goto n2',
        'eps 10.96.0.10 . tcp . 80 . 0 => 10.244.1.2 . 8080',
        'hairpin 10.244.1.2 . 10.244.1.2',
        'eps 10.96.0.10 . tcp . 80 . 1 => 10.244.2.2 . 8080',
      ],
    },
    { name: 'no endpoints: refused', plan: plan({}), elements: ['noeps 10.96.0.10 . tcp . 80 => goto rejects'] },
    { name: 'headless', plan: plan({ clusterIP: 'None', clusterIPs: ['None'] }, ready('10.244.1.2')), elements: [] },
    { name: 'external name', plan: plan({ type: 'ExternalName', clusterIP: '' }), elements: [] },
    {
      name: 'only terminating endpoints left',
      plan: plan({}, draining('10.244.2.9')),
      elements: ['svc 10.96.0.10 . tcp . 80 => goto n1', 'eps 10.96.0.10 . tcp . 80 . 0 => 10.244.2.9 . 8080'],
    },
    {
      name: 'node port',
      plan: plan(
        { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] },
        ready('10.244.2.2', 'n2'),
      ),
      elements: [
        'svc 10.96.0.10 . tcp . 80 => goto n1',
        'eps 10.96.0.10 . tcp . 80 . 0 => 10.244.2.2 . 8080',
        'np tcp . 30080 => goto p1',
        'npeps tcp . 30080 . 0 => 10.244.2.2 . 8080',
      ],
    },
    {
      name: 'external traffic stays local, but there is nothing here',
      plan: plan(
        { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] },
        ready('10.244.2.2', 'n2'),
      ),
      elements: [
        'svc 10.96.0.10 . tcp . 80 => goto n1',
        'eps 10.96.0.10 . tcp . 80 . 0 => 10.244.2.2 . 8080',
        'npnoeps tcp . 30080 => drop',
      ],
    },
    {
      name: 'a load balancer for some alone; ranges within others are left out',
      plan: planService(
        {
          ...service({
            type: 'LoadBalancer',
            ports: [{ port: 80, protocol: 'TCP' }],
            loadBalancerSourceRanges: ['10.0.0.0/8', '10.1.0.0/16', '192.0.2.7/32', '192.0.2.7/32'],
          }),
          status: { loadBalancer: { ingress: [{ ip: '172.30.0.2' }, { ip: '172.30.0.3', ipMode: 'Proxy' }] } },
        },
        [slice(ready('10.244.1.2'))],
        { nodeName: 'n1' },
      ),
      elements: [
        'svc 10.96.0.10 . tcp . 80 => goto n1',
        'eps 10.96.0.10 . tcp . 80 . 0 => 10.244.1.2 . 8080',
        'hairpin 10.244.1.2 . 10.244.1.2',
        'svc 172.30.0.2 . tcp . 80 => goto m1',
        'eps 172.30.0.2 . tcp . 80 . 0 => 10.244.1.2 . 8080',
        'hairpin 10.244.1.2 . 10.244.1.2',
        'guarded 172.30.0.2 . tcp . 80',
        'admitted 172.30.0.2 . tcp . 80 . 10.0.0.0/8',
        'admitted 172.30.0.2 . tcp . 80 . 192.0.2.7/32',
      ],
    },
  ]
  for (const each of cases) it(each.name, () => assert.deepEqual(shown(each.plan), each.elements))

  it('keeps sessions in a chain of their own', () => {
    assert.deepEqual(plan({ sessionAffinity: 'ClientIP' }, ready('10.244.1.2')).chains, ['n1s10800'])
  })
})

describe('ServicesState', () => {
  it('changes only what differs', () => {
    const state = new ServicesState()
    state.update('default/web', plan({}, ready('10.244.1.2')))
    const changes = state.update('default/web', plan({}, ready('10.244.1.2'), ready('10.244.1.3')))
    assert.equal(
      renderChanges({ family: 'ip', name: 't' }, changes),
      [
        'add chain ip t n2',
        'flush chain ip t n2',
        'add rule ip t n2 meta mark set numgen random mod 2 goto lb',
        'delete element ip t svc { 10.96.0.10 . tcp . 80 }',
        'add element ip t eps { 10.96.0.10 . tcp . 80 . 1 : 10.244.1.3 . 8080 }',
        'add element ip t hairpin { 10.244.1.3 . 10.244.1.3 }',
        'add element ip t svc { 10.96.0.10 . tcp . 80 : goto n2 }',
        '',
      ].join('\n'),
    )
  })

  it('keeps an element that two services share until both are gone', () => {
    const state = new ServicesState()
    state.update('default/a', plan({}, ready('10.244.1.2')))
    state.update('default/b', plan({ clusterIP: '10.96.0.11', clusterIPs: ['10.96.0.11'] }, ready('10.244.1.2')))
    const hairpins = (changes: ReturnType<ServicesState['update']>): number =>
      changes.filter(change => change.op === 'delete-element' && change.container === 'hairpin').length
    assert.equal(hairpins(state.update('default/a', undefined)), 0)
    assert.equal(hairpins(state.update('default/b', undefined)), 1)
  })

  it('is taken by the kernel, whole and by increments', { skip: kernelSkip() }, () => {
    const table = servicesTable('canopus_test', '10.244.0.0/16', ['172.30.1.0/24', '172.30.2.0/24'])
    const state = new ServicesState()
    state.update('default/web', plan({ sessionAffinity: 'ClientIP', externalIPs: ['192.0.2.7'] }, ready('10.244.1.2')))
    const ranges = ['10.0.0.0/8', '192.0.2.7/32']
    const addresses = { clusterIP: '10.96.0.11', clusterIPs: ['10.96.0.11'] }
    const guarded = service({ type: 'LoadBalancer', loadBalancerSourceRanges: ranges, ...addresses })
    const status = { loadBalancer: { ingress: [{ ip: '172.30.0.2' }] } }
    const context = { nodeName: 'n1' }
    state.update('default/lb', planService({ ...guarded, status }, [slice(ready('10.244.1.2'))], context))
    const whole = renderTable(table) + renderChanges(table, state.all())
    const balancerGone = renderChanges(table, state.update('default/lb', undefined))
    const more = balancerGone + renderChanges(table, state.update('default/web', plan({}, ready('10.244.1.3'))))
    const gone = renderChanges(table, state.update('default/web', undefined))
    const script =
      'set -e; printf %s "$1" | nft -f -; printf %s "$2" | nft -f -; printf %s "$3" | nft -f -; nft list map ip canopus_test eps'
    const result = spawnSync('unshare', ['--net', 'sh', '-c', script, 'sh', whole, more, gone], { encoding: 'utf8' })
    assert.equal(result.stderr, '')
    assert.doesNotMatch(result.stdout, /elements/)
  })
})

/** A reason to skip where there is no root or no nft. */
function kernelSkip(): string | false {
  if (process.getuid?.() !== 0) return 'needs root'
  return spawnSync('nft', ['--version']).status === 0 ? false : 'needs nft'
}
