import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { schemas } from '@canopus/api'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { fieldErrorText } from '@canopus/apimachinery'
import { dropMalformedMetadata, validateEmbedded } from './embedded.ts'

const embedded: JSONSchemaProps = { type: 'object', 'x-kubernetes-embedded-resource': true }
const schema: JSONSchemaProps = {
  type: 'object',
  properties: {
    one: { ...embedded, properties: { inner: embedded } },
    list: { type: 'array', items: embedded },
    map: { type: 'object', additionalProperties: embedded },
  },
}
const pod = { apiVersion: 'v1', kind: 'Pod' }
const LABEL =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

describe('embedded objects', () => {
  const rows: [string, object, string[]][] = [
    ['need no metadata', { one: pod }, []],
    ['need no name', { one: { ...pod, metadata: {} } }, []],
    ['may have a namespace', { one: { ...pod, metadata: { name: 'a', namespace: 'b' } } }, []],
    ['say what they are', { one: {} }, ['one.apiVersion: Required value', 'one.kind: Required value']],
    [
      'say something of it',
      { one: { apiVersion: '', kind: '' } },
      ['one.apiVersion: Invalid value: "": must not be empty', 'one.kind: Invalid value: "": must not be empty'],
    ],
    [
      'have a version',
      { one: { ...pod, apiVersion: 'a/b/c' } },
      ['one.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
    ],
    [
      'have a kind',
      { one: { ...pod, kind: '%' } },
      [`one.kind: Invalid value: "%": may have mixed case, but should otherwise match: ${LABEL}`],
    ],
    [
      'have metadata, at every depth',
      { one: { ...pod, metadata: { name: '..' }, inner: { ...pod, metadata: { name: '.' } } } },
      [
        `one.metadata.name: Invalid value: "..": may not be '..'`,
        `one.inner.metadata.name: Invalid value: ".": may not be '.'`,
      ],
    ],
    [
      'are in lists and maps',
      { list: [pod, { kind: 'A' }], map: { x: { kind: 'A' } } },
      ['list[1].apiVersion: Required value', 'map[x].apiVersion: Required value'],
    ],
  ]
  for (const [name, value, errors] of rows) {
    it(name, () => assert.deepEqual(validateEmbedded(schema, value).map(fieldErrorText), errors))
  }
})

describe('stored metadata that none can be', () => {
  const meta = { name: 'x', labels: { invalid: 'x y' } }
  const rows: [string, unknown, unknown][] = [
    ['stays where it is well formed, and be it invalid', meta, meta],
    ['is left out field by field', { ...meta, annotations: { a: 'b', c: 42 }, generation: 'x' }, meta],
    ['is left out where it is no object', ['x'], {}],
  ]
  for (const [name, given, expected] of rows)
    it(name, () => {
      const objects = (metadata: unknown): object => ({
        one: { ...pod, metadata, inner: { ...pod, metadata } },
        list: [{ ...pod, metadata }],
        map: { x: { ...pod, metadata } },
        other: { metadata },
      })
      const value = structuredClone(objects(given))
      dropMalformedMetadata(schema, value, schemas.schemaOf('am.apis.meta.v1.ObjectMeta'))
      assert.deepEqual(value, { ...objects(expected), other: { metadata: given } })
    })
})
