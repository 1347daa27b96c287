import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readEncryptionConfig } from './encryption-config.ts'

const file = (resources: unknown, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources, ...more })
const one = (resources: string[], ...providers: unknown[]): string => file([{ resources, providers }])
const identity = { identity: {} }
const key = (name: string, bytes: number): object => ({ name, secret: Buffer.alloc(bytes).toString('base64') })
const plugin = (more: object): object => ({ kms: { apiVersion: 'v2', name: 'p', endpoint: 'unix:///x', ...more } })

describe('readEncryptionConfig', () => {
  test('reads YAML, with three seconds for a plugin to answer', () => {
    const text = `
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets, deployments.apps]
  providers:
  - kms: {apiVersion: v2, name: p, endpoint: 'unix:///x'}
  - aescbc: {keys: [{name: a, secret: AAAAAAAAAAAAAAAAAAAAAA==}]}
  - identity: {}
`
    assert.deepEqual(readEncryptionConfig(text, false), [
      {
        resources: ['secrets', 'deployments.apps'],
        providers: [
          { type: 'kms', kms: { apiVersion: 'v2', name: 'p', endpoint: 'unix:///x', timeout: 3000 } },
          { type: 'aescbc', keys: [{ name: 'a', secret: 'AAAAAAAAAAAAAAAAAAAAAA==' }] },
          { type: 'identity' },
        ],
      },
    ])
  })

  const refusals: [string, string, RegExp][] = [
    ['no resources', file([]), /^Error: resources: Required value: at least one resources is required$/],
    ['another kind', file([], { kind: 'Policy' }), /no kind "Policy" is registered/],
    ['a typo', file([{ resource: ['secrets'] }]), /unknown field "resources\[0\]\.resource"/],
    ['no providers', one(['secrets']), /resources\[0\]\.providers: Required value/],
    ['an empty provider', one(['secrets'], {}), /provider does not contain any of the expected providers/],
    ['two in one', one(['secrets'], { ...identity, aesgcm: { keys: [] } }), /more than one provider specified/],
    ['no keys', one(['secrets'], { aesgcm: { keys: [] } }), /aesgcm\.keys: Required value/],
    [
      'a short key',
      one(['secrets'], { aescbc: { keys: [key('a', 5)] } }),
      /"REDACTED": secret is not of the expected length, got 5, expected one of \[16 24 32\]/,
    ],
    ['a secretbox key', one(['secrets'], { secretbox: { keys: [key('a', 16)] } }), /got 16, expected one of \[32\]/],
    [
      'no base64',
      one(['secrets'], { aesgcm: { keys: [{ name: 'a', secret: '$' }] } }),
      /secrets must be base64 encoded/,
    ],
    [
      'a key without a name',
      one(['secrets'], { aesgcm: { keys: [key('', 16)] } }),
      /name is a mandatory field for a key/,
    ],
    ['capitals', one(['Secrets'], identity), /resource name should not contain capital letters/],
    ['a star', one(['*'], identity), /use '\*\.' to encrypt all the resources from core API group/],
    ['a resource of all groups', one(['secrets.*'], identity), /encrypting the same resource across groups/],
    ['events of the other group', one(['events.events.k8s.io'], identity), /Use 'events' instead in the config file/],
    ['what is no API', one(['serviceipallocations'], identity), /do not have REST API\/s cannot be encrypted/],
    ['a resource twice', one(['secrets', 'secrets'], identity), /cannot be specified multiple times/],
    ['an overlap', one(['secrets', '*.'], identity), /using overlapping resources/],
    ['an overlap with all', one(['secrets', '*.*'], identity), /using overlapping resources/],
    ['a plugin over TCP', one(['secrets'], plugin({ endpoint: 'tcp://x' })), /unsupported scheme "tcp"/],
    ['a plugin nowhere', one(['secrets'], plugin({ endpoint: undefined })), /endpoint is a mandatory field for a kms/],
    ['a plugin with a cache', one(['secrets'], plugin({ cachesize: 1 })), /cachesize is not supported in v2/],
    ['a name with a colon', one(['secrets'], plugin({ name: 'a:b' })), /must not contain ':'/],
    ['one name twice', one(['secrets'], plugin({}), plugin({})), /duplicate KMS provider name p/],
    ['no time', one(['secrets'], plugin({ timeout: '0s' })), /timeout should be a positive value/],
    ['another version', one(['secrets'], plugin({ apiVersion: 'v3' })), /unsupported apiVersion v3/],
  ]
  for (const [name, text, message] of refusals) {
    test(`refuses ${name}`, () => assert.throws(() => readEncryptionConfig(text, false), message))
  }
})
