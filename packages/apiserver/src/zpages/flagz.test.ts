import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startMemoryServer } from '../testing/memory-server.ts'

const named = (type: string, version: string): string => `${type};g=config.k8s.io;v=${version};as=Flagz`
const flags = { v: '2', 'event-ttl': '1h0m0s' }

describe('/flagz', () => {
  const table: readonly [accept: string, status: number, type: string, apiVersion?: string, isOld?: boolean][] = [
    ['', 200, 'text/plain; charset=utf-8'],
    ['*/*', 200, 'text/plain; charset=utf-8'],
    [`${named('application/json', 'foo')},*/*`, 200, 'text/plain; charset=utf-8'],
    [named('application/json', 'v1beta1'), 200, 'application/json', 'v1beta1'],
    [named('application/json', 'v1alpha1'), 200, 'application/json', 'v1alpha1', true],
    ['application/json', 406, 'application/json'],
    [named('application/json', 'v1beta1').replace('Flagz', 'Statusz'), 406, 'application/json'],
  ]
  for (const [accept, status, type, apiVersion, isOld = false] of table)
    it(`accept ${accept || 'nothing'}: ${status}`, async () => {
      const server = await startMemoryServer({ flags })
      const answer = await server.send('GET', '/flagz', undefined, accept === '' ? {} : { accept })
      await server.stop()
      assert.deepEqual([answer.status, answer.headers['content-type']], [status, type], answer.text)
      assert.equal(answer.headers.warning !== undefined, isOld)
      if (status !== 200) return
      if (apiVersion !== undefined) {
        const apiserver = { kind: 'Flagz', apiVersion: `config.k8s.io/${apiVersion}`, metadata: { name: 'apiserver' } }
        assert.deepEqual(answer.json, { ...apiserver, flags })
      } else assert.match(answer.text, /^\napiserver flagz\nWarning: .*\nevent-ttl=1h0m0s\nv=2\n$/)
    })
})
