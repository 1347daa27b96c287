import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Endpoints, Pods, Services } from '@canopus/api'
import type { EndpointAddress, Pod } from '@canopus/api/core/v1'
import { StatusError } from '@canopus/apimachinery'
import type { Random } from '@canopus/base'
import type { ObjectReader } from '../security.ts'
import { parseProxyTarget, podBackend, serviceBackend } from './proxy-target.ts'

const random: Random = { next: () => 0, bytes: length => new Uint8Array(length) }

const messageOf = (act: () => unknown): string => {
  try {
    return JSON.stringify(act())
  } catch (error) {
    assert.ok(error instanceof StatusError)
    return `${error.status.code} ${error.status.message}`
  }
}

const pod = (ip: string, ports: { containerPort: number }[] = []): Pod =>
  ({
    metadata: { name: 'p', namespace: 'n' },
    spec: { containers: [{ name: 'c', ports }] },
    status: ip === '' ? {} : { podIP: ip, podIPs: [{ ip }] },
  }) as unknown as Pod

describe('a pod as the target of a proxy', () => {
  const rows: readonly [id: string, ip: string, ports: { containerPort: number }[], expected: string][] = [
    ['p', '10.0.0.1', [{ containerPort: 8080 }], '{"tls":false,"host":"10.0.0.1","port":8080}'],
    ['p', '10.0.0.1', [], '{"tls":false,"host":"10.0.0.1","port":80}'],
    ['https:p:443', 'fd00::1', [], '{"tls":true,"host":"fd00::1","port":443}'],
    ['p:x', '10.0.0.1', [], '400 invalid port "x"'],
    ['p', '', [], '400 address not allowed'],
    ['p', '127.0.0.1', [], '400 address not allowed'],
    ['p', '169.254.169.254', [], '400 address not allowed'],
    ['ftp:p:1', '10.0.0.1', [], '400 invalid pod request "ftp:p:1"'],
    [':80', '10.0.0.1', [], '400 invalid pod request ":80"'],
    ['a:b:c:d', '10.0.0.1', [], '400 invalid pod request "a:b:c:d"'],
  ]
  for (const [id, ip, ports, expected] of rows) {
    it(`${id} at ${ip || 'no address'}`, () =>
      assert.equal(
        messageOf(() => podBackend(pod(ip, ports), parseProxyTarget(id, 'pod'))),
        expected,
      ))
  }
})

describe('a service as the target of a proxy', () => {
  const OWN = { ip: '10.0.0.1', targetRef: { kind: 'Pod', namespace: 'n', name: 'p' } }
  const reader = (addresses: EndpointAddress[] | 'none' | 'empty'): ObjectReader => {
    const service = { metadata: { name: 's' }, spec: { ports: [{ name: 'http', port: 80 }] } }
    const subsets = addresses === 'empty' ? undefined : [{ addresses, ports: [{ name: 'http', port: 8080 }] }]
    return {
      get: (type: unknown, name: string) => {
        if (type === Pods) return name === 'p' ? pod('10.0.0.1') : undefined
        if (name !== 's') return undefined
        if (type === Services) return service
        return type === Endpoints && addresses !== 'none' ? { subsets } : undefined
      },
    } as unknown as ObjectReader
  }
  const found = '{"tls":false,"host":"10.0.0.1","port":8080}'
  const rows: readonly [name: string, id: string, addresses: EndpointAddress[] | 'none' | 'empty', expected: string][] =
    [
      ['the name of a port', 's:http', [OWN], found],
      ['the number of a port', 's:80', [OWN], found],
      ['TLS', 'https:s:80', [OWN], found.replace('false', 'true')],
      ['no port, where each has a name', 's', [OWN], '503 no endpoints available for service "s"'],
      ['another number', 's:81', [OWN], '503 no service port 81 found for service "s"'],
      ['another name', 's:web', [OWN], '503 no endpoints available for service "s:web"'],
      ['no service', 't:80', [OWN], '404 services "t" not found'],
      ['no endpoints', 's:80', 'none', '404 services "s" not found'],
      ['endpoints without addresses', 'http:s:80', 'empty', '503 no endpoints available for service "s"'],
      ['an address of no pod', 's:http', [{ ip: '10.0.0.1' }], '503 no endpoints available for service "s:http"'],
      [
        'an address that the pod has not',
        's:80',
        [{ ...OWN, ip: '10.0.0.2' }],
        '503 no endpoints available for service "s:80"',
      ],
      [
        'a pod of another namespace',
        's:80',
        [{ ...OWN, targetRef: { ...OWN.targetRef, namespace: 'other' } }],
        '503 no endpoints available for service "s:80"',
      ],
      [
        'one pod among others',
        's:80',
        [{ ip: '10.0.0.9', targetRef: { kind: 'Pod', namespace: 'n', name: 'gone' } }, OWN],
        found,
      ],
    ]
  for (const [name, id, addresses, expected] of rows) {
    it(name, () =>
      assert.equal(
        messageOf(() => serviceBackend(reader(addresses), random, 'n', parseProxyTarget(id, 'service'))),
        expected,
      ),
    )
  }
})
