import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigMap, Secret } from '../../generated/core.v1.ts'
import { created, createErrors, testCreate, updateErrors } from '../../testing/validation-table.ts'
import { ConfigMapKind } from './configmap.ts'
import { SecretKind } from './secret.ts'

const metadata = { name: 'a', namespace: 'b' }
const map = { metadata, data: { key: 'value' } } as unknown as ConfigMap
const secret = { metadata, data: { key: 'dmFsdWU=' } } as unknown as Secret

const badKey =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

testCreate(ConfigMapKind, map, [
  {
    name: 'bad key',
    change: object => {
      object.data = { 'a b': '' }
    },
    errors: [`data[a b]: Invalid value: "a b": ${badKey}`],
  },
  {
    name: 'key in both maps',
    change: object => {
      object.binaryData = { key: 'AAAA' }
    },
    errors: ['data[key]: Invalid value: "key": duplicate of key present in binaryData'],
  },
  {
    name: 'more than a mebibyte',
    change: object => {
      object.data = { key: 'x'.repeat(1024 * 1024 + 1) }
    },
    errors: ['[]: Too long: may not be more than 1048576 bytes'],
  },
])

test('ConfigMap: immutable', () => {
  const fixed = { ...map, immutable: true }
  const text = 'Forbidden: field is immutable when `immutable` is set'
  const change = (object: ConfigMap): void => {
    object.data = { key: 'other' }
    delete object.immutable
  }
  assert.deepEqual(updateErrors(ConfigMapKind, fixed, change), [`immutable: ${text}`, `data: ${text}`])
  assert.deepEqual(updateErrors(ConfigMapKind, map, change), [])
})

testCreate(SecretKind, secret, [
  {
    name: 'TLS without a key',
    change: object => {
      object.type = 'kubernetes.io/tls'
      object.data = { 'tls.crt': '' }
    },
    errors: ['data[tls.key]: Required value'],
  },
  {
    name: 'token without an account',
    change: object => {
      object.type = 'kubernetes.io/service-account-token'
    },
    errors: ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
  },
  {
    name: 'registry credentials missing',
    change: object => {
      object.type = 'kubernetes.io/dockerconfigjson'
    },
    errors: ['data[.dockerconfigjson]: Required value'],
  },
  {
    name: 'basic auth without both',
    change: object => {
      object.type = 'kubernetes.io/basic-auth'
    },
    errors: ['data[username]: Required value', 'data[password]: Required value'],
  },
  {
    name: 'SSH without a key',
    change: object => {
      object.type = 'kubernetes.io/ssh-auth'
    },
    errors: ['data[ssh-privatekey]: Required value'],
  },
])

test('Secret: type by default, stringData folded in, type fixed', () => {
  const written = { metadata, stringData: { key: 'wörd' } } as unknown as Secret
  const stored = created(SecretKind, written)
  assert.equal(stored.type, 'Opaque')
  assert.deepEqual(stored.data, { key: 'd8O2cmQ=' })
  assert.equal(stored.stringData, undefined)
  const change = (object: Secret): void => {
    object.type = 'other'
  }
  assert.deepEqual(updateErrors(SecretKind, secret, change), ['type: Invalid value: "other": field is immutable'])
})

test('Secret: bad registry credentials are not shown', () => {
  const bad = { metadata, type: 'kubernetes.io/dockercfg', data: { '.dockercfg': 'e30x' } } as unknown as Secret
  const [text] = createErrors(SecretKind, bad)
  assert.match(text!, /^data\[\.dockercfg\]: Invalid value: "<secret contents redacted>": /)
})
