import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { applyJsonPatch, applyMergePatch, type KubeObject } from '@canopus/apimachinery'
import { quotedPatch, valuesOf } from './quoted-patch.ts'

describe('a patched object in a message', () => {
  const metadata = { resourceVersion: '7', name: 'a', labels: { z: '1', b: '<' }, uid: 'u' }
  const old = { kind: 'ConfigMap', apiVersion: 'v1', data: { z: '1', a: '2' }, metadata } as unknown as KubeObject
  const untouched = '{"name":"a","uid":"u","resourceVersion":"7","labels":{"b":"\\u003c","z":"1"}}'
  const rows: readonly [name: string, patch: unknown, message: string | undefined, text: string][] = [
    [
      'what is not touched is in the order of Go, and what is is sorted',
      { data: { a: 1 } },
      'core.v1.ConfigMap',
      `{"apiVersion":"v1","data":{"a":1,"z":"1"},"kind":"ConfigMap","metadata":${untouched}}`,
    ],
    [
      'what a merge patch brings is sorted',
      { zz: { y: 1, b: 2 }, data: null },
      'core.v1.ConfigMap',
      `{"apiVersion":"v1","kind":"ConfigMap","metadata":${untouched},"zz":{"b":2,"y":1}}`,
    ],
    [
      'what an operation brings stays as it was sent',
      [{ op: 'add', path: '/data', value: { y: 1, b: 2 } }],
      'core.v1.ConfigMap',
      `{"apiVersion":"v1","data":{"y":1,"b":2},"kind":"ConfigMap","metadata":${untouched}}`,
    ],
    [
      'custom objects are maps',
      { data: 1 },
      undefined,
      '{"apiVersion":"v1","data":1,"kind":"ConfigMap","metadata":{"labels":{"b":"\\u003c","z":"1"},"name":"a","resourceVersion":"7","uid":"u"}}',
    ],
  ]
  for (const [name, patch, message, text] of rows) {
    it(name, () => {
      const apply = Array.isArray(patch) ? applyJsonPatch : applyMergePatch
      assert.equal(quotedPatch(apply(old as never, patch), old, message, valuesOf(patch)), text)
    })
  }
})
