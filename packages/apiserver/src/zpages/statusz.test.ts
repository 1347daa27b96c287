import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { startMemoryServer } from '../testing/memory-server.ts'

const WARNING = '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."'
const named = (type: string, version: string): string => `${type};g=config.k8s.io;v=${version};as=Statusz`
const [ALPHA, BETA] = [named('application/json', 'v1alpha1'), named('application/json', 'v1beta1')]

describe('/statusz', () => {
  const table: readonly [accept: string, status: number, type: string, apiVersion?: string, warning?: string][] = [
    ['', 200, 'text/plain; charset=utf-8'],
    ['text/plain', 200, 'text/plain; charset=utf-8'],
    ['*/*', 200, 'text/plain; charset=utf-8'],
    [BETA, 200, 'application/json', 'v1beta1'],
    [ALPHA, 200, 'application/json', 'v1alpha1', WARNING],
    [`${ALPHA},${BETA}`, 200, 'application/json', 'v1alpha1', WARNING],
    [`${BETA},${ALPHA}`, 200, 'application/json', 'v1beta1'],
    [named('application/yaml', 'v1beta1'), 200, 'application/yaml', 'v1beta1'],
    ['application/json', 406, 'application/json'],
    ['application/json;g=config.k8s.io;v=v1beta1', 406, 'application/json'],
    [named('application/json', 'v2'), 406, 'application/json'],
    ['text/plain;g=config.k8s.io;v=v1beta1;as=Statusz', 406, 'application/json'],
    ['application/xml', 406, 'application/json'],
  ]
  for (const [accept, status, type, apiVersion, warning] of table)
    it(`accept ${accept || 'nothing'}: ${status}`, async () => {
      const clock = new SimulatedClock()
      const server = await startMemoryServer({ clock })
      await clock.advance(3_723_000)
      const answer = await server.send('GET', '/statusz', undefined, accept === '' ? {} : { accept })
      await server.stop()
      assert.deepEqual([answer.status, answer.headers['content-type']], [status, type], answer.text)
      assert.equal(answer.headers.warning, warning)
      if (status === 406) {
        const types = 'application/json, application/yaml, text/plain'
        assert.equal(answer.json.message, `only the following media types are accepted: ${types}`)
      } else if (apiVersion === undefined) {
        assert.match(answer.text, /^\napiserver statusz\nWarning: This endpoint is not meant to be machine parseable/)
        assert.match(
          answer.text,
          /\nUp: 1 hr 02 min 03 sec\n.*\nBinary version: 1\.36\.\S+\nEmulation version: 1\.36\n/,
        )
        assert.match(answer.text, /\nPaths: \/flagz \/healthz \/livez \/metrics \/readyz \/statusz \/version\n$/)
      } else if (type === 'application/yaml') {
        assert.match(answer.text, /^apiVersion: config\.k8s\.io\/v1beta1\n/)
      } else {
        const { kind, metadata, uptimeSeconds, paths } = answer.json
        assert.equal(answer.json.apiVersion, `config.k8s.io/${apiVersion}`)
        assert.deepEqual([kind, metadata, uptimeSeconds], ['Statusz', { name: 'apiserver' }, 3723])
        assert.ok(paths.includes('/healthz') && !paths.includes('/apis'))
      }
    })
})
